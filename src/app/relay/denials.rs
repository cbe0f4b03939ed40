//! Denials are told late, so that the time tells nothing of whether there is such a document.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use crate::base::limits;

/// How long after a hello or an order whoever has no right to the document is told so.
const DENIED_AFTER: Duration = Duration::from_millis(limits::DENIED_AFTER_MS);

/// The denials that wait to be told.
pub(super) struct Denials {
    room: Arc<Semaphore>,
}

impl Default for Denials {
    fn default() -> Denials {
        Denials { room: Arc::new(Semaphore::new(limits::RELAY_DENIALS_MAX)) }
    }
}

impl Denials {
    /// Tells a denial when it is time. `asked_at` is when the hello or the order came. While too many wait it is dropped, which ends the
    /// connection or the request without an answer: one at once would tell by its time what the denial does not.
    pub(super) fn hold(&self, asked_at: Instant, tell: impl FnOnce() + Send + 'static) {
        let Ok(place) = Arc::clone(&self.room).try_acquire_owned() else { return };
        tokio::spawn(async move {
            tokio::time::sleep_until((asked_at + DENIED_AFTER).into()).await;
            tell();
            drop(place);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_too_many_is_never_told() {
        let denials = Denials { room: Arc::new(Semaphore::new(1)) };
        let (sender, mut told) = tokio::sync::mpsc::unbounded_channel();
        let long_ago = Instant::now() - DENIED_AFTER;
        let hold = |n| {
            let sender = sender.clone();
            denials.hold(long_ago, move || sender.send(n).expect("somebody listens"));
        };
        (0..2).for_each(hold);
        assert_eq!(told.recv().await, Some(0));
        tokio::task::yield_now().await;
        hold(2);
        assert_eq!(told.recv().await, Some(2), "the second had no place");
    }
}
