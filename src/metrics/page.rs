//! The page of metrics: their names, and what they are made from.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use reactor::engine::{Counter, WorkerStats};

use super::exposition::{Kind, Metric};
use super::{TlsFigures, TlsSource};

/// The metrics of a process.
pub struct Page {
    /// Known once the main server has started.
    workers: OnceLock<Box<[Arc<WorkerStats>]>>,
    tls: Option<TlsSource>,
    /// The most full handshakes that were told.
    handshakes_full: AtomicU64,
}

impl Page {
    /// A page; `tls` is there if the main server speaks TLS.
    pub fn new(tls: Option<TlsSource>) -> Page {
        Page {
            workers: OnceLock::new(),
            tls,
            handshakes_full: AtomicU64::new(0),
        }
    }

    /// The counters to tell; those of the first call stay.
    pub fn tell_of(&self, workers: &[Arc<WorkerStats>]) {
        self.workers.get_or_init(|| workers.into());
    }

    /// Appends the page.
    pub fn write(&self, out: &mut Vec<u8>) {
        Metric::new(
            "tidegate_build_info",
            Kind::Gauge,
            "The version that runs; always 1.",
            out,
        )
        .sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
        self.write_connections(out);
        self.write_handshakes(out);
        if let Some(tls) = &self.tls {
            write_certificates(&tls(), out);
        }
    }

    fn write_connections(&self, out: &mut Vec<u8>) {
        Metric::new(
            "tidegate_connections",
            Kind::Gauge,
            "Client connections that are open.",
            out,
        )
        .sample(&[], self.sum(|own| &own.connections));
        Metric::new(
            "tidegate_connections_accepted_total",
            Kind::Counter,
            "Client connections that were accepted, those that were then rejected too.",
            out,
        )
        .sample(&[], self.sum(|own| &own.accepted));
        Metric::new(
            "tidegate_http_requests_total",
            Kind::Counter,
            "Requests that were read to the end of their heads.",
            out,
        )
        .sample(&[], self.sum(|own| &own.requests));
        Metric::new(
            "tidegate_rejected_total",
            Kind::Counter,
            "What was turned away because there was too much of it, by what that was.",
            out,
        )
        .sample(&[("reason", "connections")], self.sum(|own| &own.refused));
        Metric::new(
            "tidegate_panics_total",
            Kind::Counter,
            "Panics that were caught while requests were answered.",
            out,
        )
        .sample(&[], self.sum(|own| &own.panics));
    }

    fn write_handshakes(&self, out: &mut Vec<u8>) {
        let all = self.sum(|own| &own.handshakes);
        let resumed = self.sum(|own| &own.handshakes_resumed);
        // The two are not read in one moment. A counter that steps back even by one is taken for a
        // restart, and all of it for new.
        let full = all.saturating_sub(resumed);
        let full = self
            .handshakes_full
            .fetch_max(full, Ordering::Relaxed)
            .max(full);
        let mut handshakes = Metric::new(
            "tidegate_tls_handshakes_total",
            Kind::Counter,
            "TLS handshakes that were finished; a resumed one costs no signature.",
            out,
        );
        handshakes.sample(&[("kind", "full")], full);
        handshakes.sample(&[("kind", "resumed")], resumed);
        Metric::new(
            "tidegate_tls_handshake_failures_total",
            Kind::Counter,
            "TLS handshakes that failed, were given up, or took too long.",
            out,
        )
        .sample(&[], self.sum(|own| &own.handshakes_failed));
    }

    /// A number of all workers together.
    fn sum(&self, counter: impl Fn(&WorkerStats) -> &Counter) -> u64 {
        let workers = self.workers.get().map_or(&[][..], |workers| workers);
        workers
            .iter()
            .map(|own| counter(own).value())
            .fold(0, u64::wrapping_add)
    }
}

fn write_certificates(figures: &TlsFigures, out: &mut Vec<u8>) {
    let mut expiries = Metric::new(
        "tidegate_tls_cert_expiry_timestamp_seconds",
        Kind::Gauge,
        "Until when a certificate is in force, since the Unix epoch, by its first name.",
        out,
    );
    for (name, until) in earliest(&figures.expiries) {
        expiries.sample(&[("cert", name)], unix_seconds(until));
    }
    Metric::new(
        "tidegate_tls_reloads_total",
        Kind::Counter,
        "Times that certificates were loaded again and taken.",
        out,
    )
    .sample(&[], figures.reloads);
    Metric::new(
        "tidegate_tls_reload_failures_total",
        Kind::Counter,
        "Times that certificates were loaded again and not taken; the old ones stay.",
        out,
    )
    .sample(&[], figures.reload_failures);
}

/// One expiry for each name, in the order of names: a site often has an RSA and an ECDSA
/// certificate for the same ones, and a sample may be there only once.
fn earliest(expiries: &[(String, SystemTime)]) -> Vec<(&str, SystemTime)> {
    let mut sorted: Vec<_> = expiries
        .iter()
        .map(|(name, until)| (name.as_str(), *until))
        .collect();
    sorted.sort_unstable();
    sorted.dedup_by_key(|(name, _)| *name);
    sorted
}

fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn text(page: &Page) -> String {
        let mut out = Vec::new();
        page.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    /// Two workers, of which the second has counted twice as much.
    fn workers() -> [Arc<WorkerStats>; 2] {
        let workers: [Arc<WorkerStats>; 2] = Default::default();
        for (worker, times) in workers.iter().zip([1, 2]) {
            worker.connections.add(times);
            worker.accepted.add(10 * times);
            worker.requests.add(100 * times);
            worker.refused.add(2 * times);
            worker.panics.add(3 * times);
            worker.handshakes.add(9 * times);
            worker.handshakes_resumed.add(5 * times);
            worker.handshakes_failed.add(7 * times);
        }
        workers
    }

    #[test]
    fn the_figures_are_those_of_all_workers() {
        let page = Page::new(None);
        assert!(text(&page).contains("\ntidegate_http_requests_total 0\n"));
        page.tell_of(&workers());
        let text = text(&page);
        let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            samples,
            [
                concat!(
                    "tidegate_build_info{version=\"",
                    env!("CARGO_PKG_VERSION"),
                    "\"} 1"
                ),
                "tidegate_connections 3",
                "tidegate_connections_accepted_total 30",
                "tidegate_http_requests_total 300",
                "tidegate_rejected_total{reason=\"connections\"} 6",
                "tidegate_panics_total 9",
                "tidegate_tls_handshakes_total{kind=\"full\"} 12",
                "tidegate_tls_handshakes_total{kind=\"resumed\"} 15",
                "tidegate_tls_handshake_failures_total 21",
            ]
        );
    }

    #[test]
    fn certificates_are_told_by_their_first_names_once() {
        let source = || TlsFigures {
            expiries: vec![
                ("b.example".into(), at(300)),
                ("a \"b\"\\\n".into(), at(7)),
                ("b.example".into(), at(200)),
                ("b.example".into(), at(250)),
                ("old".into(), UNIX_EPOCH - Duration::from_secs(1)),
            ],
            reloads: 4,
            reload_failures: 5,
        };
        let text = text(&Page::new(Some(Box::new(source))));
        let samples: Vec<&str> = text
            .lines()
            .skip_while(|line| !line.starts_with("tidegate_tls_cert_expiry"))
            .filter(|line| !line.starts_with('#'))
            .collect();
        assert_eq!(
            samples,
            [
                r#"tidegate_tls_cert_expiry_timestamp_seconds{cert="a \"b\"\\\n"} 7"#,
                r#"tidegate_tls_cert_expiry_timestamp_seconds{cert="b.example"} 200"#,
                r#"tidegate_tls_cert_expiry_timestamp_seconds{cert="old"} 0"#,
                "tidegate_tls_reloads_total 4",
                "tidegate_tls_reload_failures_total 5",
            ]
        );
    }

    #[test]
    fn every_metric_is_described_once_before_its_samples() {
        let page = Page::new(Some(Box::new(TlsFigures::default)));
        page.tell_of(&workers());
        let mut described = HashSet::new();
        let mut current = String::new();
        for line in text(&page).lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').unwrap();
                assert!(described.insert(name.to_owned()), "{name} comes twice");
                assert!(help.ends_with('.') && !help.contains('\\'), "{line}");
                current = name.to_owned();
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let kind = rest.strip_prefix(&format!("{current} ")).unwrap();
                assert_eq!(kind == "counter", current.ends_with("_total"), "{line}");
            } else {
                let name = line.split([' ', '{']).next().unwrap();
                assert_eq!(name, current, "{line}");
            }
        }
        assert_eq!(described.len(), 11);
    }

    #[test]
    fn full_handshakes_never_step_back() {
        let full = |page: &Page| {
            let text = text(page);
            let at = text.find("{kind=\"full\"} ").unwrap() + "{kind=\"full\"} ".len();
            text[at..].lines().next().unwrap().parse::<u64>().unwrap()
        };
        let page = Page::new(None);
        let worker = Arc::new(WorkerStats::default());
        page.tell_of(&[Arc::clone(&worker)]);
        worker.handshakes.add(5);
        assert_eq!(full(&page), 5);
        // As if this one had been counted as finished just before, and as resumed just after.
        worker.handshakes_resumed.increment();
        assert_eq!(full(&page), 5);
        worker.handshakes.add(3);
        assert_eq!(full(&page), 7);
    }
}
