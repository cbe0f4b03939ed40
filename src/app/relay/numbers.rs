//! What a relay counts, and how Prometheus reads it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

/// Upper bounds of the buckets in milliseconds; a last one takes the rest.
const BUCKETS_MS: [f64; 12] = [0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0];

/// How often something took how long.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    counts: [u64; BUCKETS_MS.len() + 1],
    sum_s: f64,
}

impl Histogram {
    /// Counts one more.
    pub fn note(&mut self, took: Duration) {
        let ms = took.as_secs_f64() * 1_000.0;
        self.counts[BUCKETS_MS.partition_point(|&upto| upto < ms)] += 1;
        self.sum_s += took.as_secs_f64();
    }

    /// Returns the upper bound in milliseconds of the bucket that holds this share (0 to 1) of what was counted; `None`
    /// while nothing was, or if it took longer than the last bound.
    pub fn share_within_ms(&self, share: f64) -> Option<f64> {
        let n: u64 = self.counts.iter().sum();
        let mut below = 0;
        let at = self.counts.iter().position(|count| {
            below += count;
            0 < n && n as f64 * share <= below as f64
        });
        BUCKETS_MS.get(at?).copied()
    }
}

/// The counters that only go up. The rest is asked of whoever knows it, when somebody looks.
#[derive(Clone, Debug, Default)]
pub struct Numbers {
    /// Links that were accepted, by transport.
    pub links_opened: BTreeMap<&'static str, u64>,
    /// Links that are open, by transport.
    pub links: BTreeMap<&'static str, u64>,
    /// Links that were refused or ended, by reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// Bytes of packets from and to links.
    pub bytes_in: u64,
    /// See `bytes_in`.
    pub bytes_out: u64,
    /// From a batch's arrival until it is on the disk and on its way to the others.
    pub fan_out: Histogram,
    /// One commit with its sync.
    pub sync: Histogram,
    /// Commits that failed.
    pub n_sync_failures: u64,
    /// Documents that could not be read.
    pub n_load_failures: u64,
    /// Whether the log of the run before was damaged: 1 or 0.
    pub n_log_damages: u64,
}

/// Writes metrics in the text format of Prometheus, version 0.0.4.
#[derive(Debug, Default)]
pub struct Page(String);

impl Page {
    /// Adds the lines that introduce a metric.
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = write!(self.0, "# HELP coedit_{name} {help}\n# TYPE coedit_{name} {kind}\n");
    }

    /// Adds a metric without labels.
    pub fn one(&mut self, name: &str, kind: &str, help: &str, value: u64) {
        self.head(name, kind, help);
        let _ = writeln!(self.0, "coedit_{name} {value}");
    }

    /// Adds a metric with one label.
    pub fn many(
        &mut self,
        (name, kind, help): (&str, &str, &str),
        label: &str,
        values: &BTreeMap<&'static str, u64>,
    ) {
        self.head(name, kind, help);
        for (key, value) in values {
            let _ = writeln!(self.0, "coedit_{name}{{{label}=\"{key}\"}} {value}");
        }
    }

    /// Adds a histogram, in seconds.
    pub fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.head(name, "histogram", help);
        let mut below = 0;
        for (upto, count) in BUCKETS_MS.iter().zip(&histogram.counts) {
            below += count;
            let _ = writeln!(self.0, "coedit_{name}_bucket{{le=\"{}\"}} {below}", upto / 1_000.0);
        }
        let n: u64 = histogram.counts.iter().sum();
        let _ = writeln!(self.0, "coedit_{name}_bucket{{le=\"+Inf\"}} {n}");
        let _ = write!(self.0, "coedit_{name}_sum {}\ncoedit_{name}_count {n}\n", histogram.sum_s);
    }

    /// Returns the page.
    pub fn into_text(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_counts_up_to_its_bounds() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.share_within_ms(0.5), None);
        for us in [100, 1_000, 1_001, 3_000_000] {
            histogram.note(Duration::from_micros(us));
        }
        assert_eq!(histogram.share_within_ms(0.5), Some(1.0));
        assert_eq!(histogram.share_within_ms(0.75), Some(2.5));
        assert_eq!(histogram.share_within_ms(1.0), None, "beyond the last bound");
        let mut page = Page::default();
        page.histogram("x_seconds", "What it is.", &histogram);
        let text = page.into_text();
        for line in [
            "# TYPE coedit_x_seconds histogram",
            "coedit_x_seconds_bucket{le=\"0.001\"} 2",
            "coedit_x_seconds_bucket{le=\"1\"} 3",
            "coedit_x_seconds_bucket{le=\"+Inf\"} 4",
            "coedit_x_seconds_count 4",
        ] {
            assert!(text.lines().any(|other| other == line), "{line} is not in\n{text}");
        }
    }
}
