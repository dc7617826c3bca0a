//! Prometheus' text format, version 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).
//!
//! Must not know which metrics there are.

use std::fmt::Display;
use std::io::Write;

/// Whether a metric only grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, but for a restart.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// A metric that is being written.
#[derive(Debug)]
pub struct Metric<'a> {
    name: &'static str,
    out: &'a mut Vec<u8>,
}

impl<'a> Metric<'a> {
    /// Begins a metric: its samples follow, and no others of the same name may come later.
    pub fn new(
        name: &'static str,
        kind: Kind,
        help: &'static str,
        out: &'a mut Vec<u8>,
    ) -> Metric<'a> {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        // Writing to a vector cannot fail.
        let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
        Metric { name, out }
    }

    /// Writes a sample; no two of a metric may have the same labels.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.out.extend_from_slice(self.name.as_bytes());
        for (at, (name, value)) in labels.iter().enumerate() {
            self.out.push(if at == 0 { b'{' } else { b',' });
            self.out.extend_from_slice(name.as_bytes());
            self.out.extend_from_slice(b"=\"");
            label_value(value, self.out);
            self.out.push(b'"');
        }
        if !labels.is_empty() {
            self.out.push(b'}');
        }
        let _ = writeln!(self.out, " {value}");
    }
}

/// A label's value, which may be any UTF-8 but for what would end it.
fn label_value(value: &str, out: &mut Vec<u8>) {
    for byte in value.bytes() {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'"' => out.extend_from_slice(b"\\\""),
            b'\n' => out.extend_from_slice(b"\\n"),
            _ => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_has_one_help_one_type_and_its_samples() {
        let mut out = Vec::new();
        let mut metric = Metric::new("a_total", Kind::Counter, "Things counted.", &mut out);
        metric.sample(&[], 7);
        metric.sample(&[("kind", "b"), ("other", "c d")], u64::MAX);
        Metric::new("e", Kind::Gauge, "Things now.", &mut out).sample(&[], -1);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "# HELP a_total Things counted.\n\
             # TYPE a_total counter\n\
             a_total 7\n\
             a_total{kind=\"b\",other=\"c d\"} 18446744073709551615\n\
             # HELP e Things now.\n\
             # TYPE e gauge\n\
             e -1\n"
        );
    }

    #[test]
    fn a_labels_value_cannot_end_early() {
        let mut out = Vec::new();
        Metric::new("a", Kind::Gauge, "b", &mut out).sample(&[("c", "d\\\"} 1\nü")], 2);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().nth(2), Some(r#"a{c="d\\\"} 1\nü"} 2"#));
        assert_eq!(text.lines().count(), 3);
    }
}
