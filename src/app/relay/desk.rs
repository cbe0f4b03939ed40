//! What a relay answers to its operator: readiness, metrics, status.

use std::time::Instant;

use serde_json::json;

use super::numbers::Page;
use super::{Actor, orders};
use crate::io::clock;
use crate::io::server::desk::{Answer, Ask, Question, Reply};
use crate::protocol::DocumentId;
use crate::relay::{Input, Ticket};
use crate::sync::event::{Order, Report};
use crate::sync::room::DENIED;

impl Actor {
    pub(super) fn answer(&mut self, ask: Ask) {
        let answer = match ask.question {
            Question::Ready => match self.trouble() {
                None => Answer::text("ready\n"),
                Some(reason) => Answer::unavailable(format!("{reason}\n")),
            },
            Question::Metrics => Answer::metrics(self.metrics()),
            Question::Status => Answer::json(self.status().to_string()),
            Question::View { document, token, seen } => {
                return self.order(document, &token, Order::View(seen), ask.reply);
            }
            Question::Manage { document, token, body } => {
                return self.manage(document, &token, &body, ask.reply);
            }
        };
        // Whoever asked may have gone.
        let _ = ask.reply.send(answer);
    }

    fn manage(&mut self, document: DocumentId, token: &str, body: &[u8], reply: Reply) {
        let Some(order) = orders::order(body) else {
            let _ = reply.send(Answer::bad("this order makes no sense to this relay; update coedit"));
            return;
        };
        self.order(document, token, order, reply);
    }

    fn order(&mut self, document: DocumentId, token: &str, order: Order, reply: Reply) {
        let Some(token) = orders::token(token) else { return self.deny(reply, Instant::now()) };
        // What cannot be kept is not begun: its answers would wait and pile up.
        if order.is_change() && self.disk_trouble.is_some() {
            let answer =
                "the disk there takes nothing at the moment, so links stay as they are; try again later\n";
            let _ = reply.send(Answer::unavailable(answer));
            return;
        }
        self.next_ticket += 1;
        let ticket = Ticket(self.next_ticket);
        self.owners.insert(ticket, (reply, Instant::now()));
        self.step(Input::Manage { document, ticket, token, order, wall: clock::wall_now() });
    }

    /// Says that there is no such document or that the secret is wrong.
    fn deny(&self, reply: Reply, asked_at: Instant) {
        // Whoever asked may have gone.
        self.denials.hold(asked_at, move || drop(reply.send(Answer::refused(DENIED))));
    }

    /// Answers an owner: at once, or when the store has what was ordered.
    pub(super) fn managed(&mut self, ticket: Ticket, result: Result<Report, String>) {
        let stored_first = self.storing_access.take();
        let Some((reply, asked_at)) = self.owners.remove(&ticket) else { return };
        let answer = match &result {
            Ok(Report::Unchanged) => Answer::unchanged(),
            Ok(Report::View(view)) => Answer::json(orders::view(view)).with_mark(view.mark),
            Ok(report) => Answer::json(orders::report(report)),
            Err(sentence) if sentence == DENIED => return self.deny(reply, asked_at),
            Err(sentence) => Answer::refused(sentence),
        };
        match stored_first {
            Some(document) => self.unsaid.entry(document).or_default().push_back((reply, answer)),
            // Whoever asked may have gone.
            None => drop(reply.send(answer)),
        }
    }

    /// Returns why nobody should be sent here.
    fn trouble(&self) -> Option<&str> {
        if self.is_ending { Some("the relay is ending") } else { self.disk_trouble.as_deref() }
    }

    fn n_bytes_queued(&self) -> u64 {
        self.links.values().map(|link| link.handle.queued_bytes() as u64).sum()
    }

    fn metrics(&self) -> String {
        let (numbers, traffic) = (&self.numbers, self.relay.traffic());
        let mut page = Page::default();
        page.many(
            ("connections", "gauge", "Links that are open, by transport."),
            "transport",
            &numbers.links,
        );
        let opened = ("connections_opened_total", "counter", "Links that were accepted, by transport.");
        page.many(opened, "transport", &numbers.links_opened);
        page.one("documents", "gauge", "Documents in memory.", self.relay.n_documents() as u64);
        page.one("documents_stored", "gauge", "Documents in the store.", self.relay.n_stored());
        page.one("ops_in_total", "counter", "Operations taken in and made durable.", traffic.n_ops_in);
        page.one(
            "ops_out_total",
            "counter",
            "Operations forwarded, counted for each receiver.",
            traffic.n_ops_out,
        );
        page.one("bytes_in_total", "counter", "Bytes of packets from links.", numbers.bytes_in);
        page.one("bytes_out_total", "counter", "Bytes of packets to links.", numbers.bytes_out);
        let help = "From a batch's arrival until it is on the disk and on its way to the others.";
        page.histogram("fan_out_seconds", help, &numbers.fan_out);
        page.histogram("fsync_seconds", "One commit with its sync.", &numbers.sync);
        page.one("fsync_failures_total", "counter", "Commits that failed.", numbers.n_sync_failures);
        page.one(
            "load_failures_total",
            "counter",
            "Documents that could not be read.",
            numbers.n_load_failures,
        );
        let help = "1 if the log of the run before was damaged, and what followed is kept apart.";
        page.one("log_damaged", "gauge", help, numbers.n_log_damages);
        page.one("queue_bytes", "gauge", "Bytes that wait for sockets.", self.n_bytes_queued());
        page.one(
            "store_queue_bytes",
            "gauge",
            "Bytes that wait for the disk.",
            self.store.waiting_bytes() as u64,
        );
        let help = "Slow links that were taken off live edits, to be served from the log.";
        page.one("drops_to_catch_up_total", "counter", help, traffic.n_fell_behind);
        let refused = ("refusals_total", "counter", "Links that were refused or ended, by reason.");
        page.many(refused, "reason", &numbers.refused);
        page.one("ready", "gauge", "1 if work can be taken.", u64::from(self.trouble().is_none()));
        page.one("uptime_seconds", "gauge", "Since the relay started.", self.started_at.elapsed().as_secs());
        page.into_text()
    }

    fn status(&self) -> serde_json::Value {
        let (numbers, traffic) = (&self.numbers, self.relay.traffic());
        let documents = self.relay.documents().map(|document| {
            json!({
                "document": document.document.to_string(),
                "name": document.name,
                "links": document.n_links,
                "people": document.people,
                "operations": document.n_ops,
                "stored_bytes": document.n_bytes,
            })
        });
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "ready": self.trouble().is_none(),
            "trouble": self.trouble(),
            "log_damaged": 0 < numbers.n_log_damages,
            "uptime_s": Instant::now().duration_since(self.started_at).as_secs(),
            "connections": numbers.links,
            "documents_stored": self.relay.n_stored(),
            "documents": documents.collect::<Vec<_>>(),
            "ops_in": traffic.n_ops_in,
            "ops_out": traffic.n_ops_out,
            "bytes_in": numbers.bytes_in,
            "bytes_out": numbers.bytes_out,
            "fan_out_ms": { "p50": numbers.fan_out.share_within_ms(0.5), "p99": numbers.fan_out.share_within_ms(0.99) },
            "fsync_ms": { "p50": numbers.sync.share_within_ms(0.5), "p99": numbers.sync.share_within_ms(0.99) },
            "queue_bytes": self.n_bytes_queued(),
            "drops_to_catch_up": traffic.n_fell_behind,
            "refusals": numbers.refused,
        })
    }
}
