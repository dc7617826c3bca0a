//! Which codings a client takes, by its `Accept-Encoding` (RFC 9110 sections 12.4.2 and 12.5.3).
//!
//! Must not know how the codings are made.

use super::Coding;

/// What a client said of codings. It is small and made without allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acceptance {
    /// For each coding, by its number.
    weights: [Weight; Coding::ALL.len()],
    identity: Identity,
}

/// What to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The content in this coding.
    Coding(Coding),
    /// The content as it is.
    Identity,
    /// Nothing that there is may be sent: 406 or, as RFC 9110 section 12.5.3 allows too, the
    /// content as it is.
    Nothing,
}

/// Thousandths, from 0 (refused) to 1000.
type Weight = u16;

const REFUSED: Weight = 0;
const FULL: Weight = 1000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Identity {
    /// There is no field, so that nothing shows that the client knows any coding at all.
    Preferred,
    /// Taken where no coding is.
    Fallback,
    /// It has a weight of its own, or is refused.
    Weighed(Weight),
}

impl Acceptance {
    /// Reads the values of all lines of `Accept-Encoding`, as if they were one list. `x-gzip` is
    /// gzip; names are compared without case. An element that is malformed is ignored; of several
    /// for the same coding the highest weight counts.
    pub fn parse<'a>(mut lines: impl Iterator<Item = &'a [u8]>) -> Acceptance {
        let Some(first) = lines.next() else {
            return Acceptance {
                weights: [FULL; Coding::ALL.len()],
                identity: Identity::Preferred,
            };
        };
        let mut said = Said::of(first);
        for line in lines {
            said.add_list(line);
        }
        said.resolve()
    }

    /// The coding of highest weight; of equal ones the first in `available`. The content as it is
    /// wins only with a weight of its own that is higher than that of each available coding, where
    /// none of them is taken, and where there is no field at all.
    pub fn choose(&self, available: &[Coding]) -> Choice {
        let mut best = None;
        let mut best_weight = REFUSED;
        for &coding in available {
            let weight = self.weight(coding);
            if weight > best_weight {
                best = Some(coding);
                best_weight = weight;
            }
        }
        match (best, self.identity) {
            (_, Identity::Preferred) => Choice::Identity,
            (Some(_), Identity::Weighed(weight)) if weight > best_weight => Choice::Identity,
            (Some(coding), _) => Choice::Coding(coding),
            (None, Identity::Weighed(REFUSED)) => Choice::Nothing,
            (None, _) => Choice::Identity,
        }
    }

    /// Whether the content may be sent as it is.
    pub fn allows_identity(&self) -> bool {
        self.identity != Identity::Weighed(REFUSED)
    }

    fn weight(&self, coding: Coding) -> Weight {
        self.weights[coding as usize]
    }
}

/// What the elements of a list say, before they are taken together.
#[derive(Debug, Default, PartialEq)]
struct Said {
    weights: [Option<Weight>; Coding::ALL.len()],
    identity: Option<Weight>,
    /// `*`: all that is not named.
    others: Option<Weight>,
}

/// What most browsers send.
const COMMON: &[u8] = b"gzip, deflate, br, zstd";

/// What that says.
const COMMON_SAID: Said = Said {
    weights: [Some(FULL); Coding::ALL.len()],
    identity: None,
    others: None,
};

impl Said {
    /// Reads the first list, which is mostly the only one and mostly the same.
    fn of(list: &[u8]) -> Said {
        if list == COMMON {
            return COMMON_SAID;
        }
        let mut said = Said::default();
        said.add_list(list);
        said
    }

    /// Takes a list apart in one pass.
    fn add_list(&mut self, list: &[u8]) {
        for element in list.split(|&byte| byte == b',') {
            self.add(element.trim_ascii());
        }
    }

    fn add(&mut self, element: &[u8]) {
        let semicolon = element.iter().position(|&byte| byte == b';');
        let (name, weight) = match semicolon {
            None => (element, Some(FULL)),
            Some(at) => (
                element[..at].trim_ascii_end(),
                weight(element[at + 1..].trim_ascii_start()),
            ),
        };
        if let (Some(slot), Some(weight)) = (self.slot(name), weight) {
            *slot = (*slot).max(Some(weight));
        }
    }

    /// What keeps the weight of this name, if it is of interest.
    fn slot(&mut self, name: &[u8]) -> Option<&mut Option<Weight>> {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        match name.len() {
            1 if is("*") => Some(&mut self.others),
            2 if is("br") => Some(&mut self.weights[Coding::Brotli as usize]),
            4 if is("gzip") => Some(&mut self.weights[Coding::Gzip as usize]),
            4 if is("zstd") => Some(&mut self.weights[Coding::Zstd as usize]),
            6 if is("x-gzip") => Some(&mut self.weights[Coding::Gzip as usize]),
            8 if is("identity") => Some(&mut self.identity),
            _ => None,
        }
    }

    fn resolve(self) -> Acceptance {
        let others = self.others.unwrap_or(REFUSED);
        let identity = match (self.identity, self.others) {
            (Some(weight), _) => Identity::Weighed(weight),
            (None, Some(REFUSED)) => Identity::Weighed(REFUSED),
            (None, _) => Identity::Fallback,
        };
        Acceptance {
            weights: self.weights.map(|weight| weight.unwrap_or(others)),
            identity,
        }
    }
}

/// The weight that a parameter is, in thousandths: `q=` and a number from 0 to 1 with at most three
/// decimals (RFC 9110 section 12.4.2). `None` if it is none.
pub fn weight(parameter: &[u8]) -> Option<Weight> {
    let [b'q' | b'Q', b'=', whole @ (b'0' | b'1'), rest @ ..] = parameter else {
        return None;
    };
    let decimals = match rest {
        [] => &[][..],
        [b'.', decimals @ ..] if decimals.len() <= 3 => decimals,
        _ => return None,
    };
    let mut weight = Weight::from(whole - b'0') * FULL;
    let mut unit = FULL;
    for digit in decimals {
        unit /= 10;
        weight += unit * Weight::from(digit.is_ascii_digit().then(|| digit - b'0')?);
    }
    (weight <= FULL).then_some(weight)
}

#[cfg(test)]
mod tests {
    use std::iter;

    use super::*;
    use crate::encoding::tests::Random;

    use Coding::{Brotli, Gzip, Zstd};

    fn parse(value: &str) -> Acceptance {
        Acceptance::parse(iter::once(value.as_bytes()))
    }

    fn choose(value: &str) -> Choice {
        parse(value).choose(&Coding::ALL)
    }

    #[test]
    fn the_examples_of_rfc_9110() {
        for (value, choice, allows_identity) in [
            ("compress, gzip", Choice::Coding(Gzip), true),
            ("", Choice::Identity, true),
            ("*", Choice::Coding(Zstd), true),
            ("compress;q=0.5, gzip;q=1.0", Choice::Coding(Gzip), true),
            (
                "gzip;q=1.0, identity; q=0.5, *;q=0",
                Choice::Coding(Gzip),
                true,
            ),
        ] {
            assert_eq!(choose(value), choice, "{value:?}");
            assert_eq!(parse(value).allows_identity(), allows_identity, "{value:?}");
        }
    }

    #[test]
    fn what_is_chosen_of_all_codings() {
        for (value, choice) in [
            ("gzip, deflate, br, zstd", Choice::Coding(Zstd)),
            ("gzip, deflate, br", Choice::Coding(Brotli)),
            ("gzip,deflate", Choice::Coding(Gzip)),
            ("x-gzip", Choice::Coding(Gzip)),
            ("GZip", Choice::Coding(Gzip)),
            ("X-GZIP", Choice::Coding(Gzip)),
            ("deflate", Choice::Identity),
            ("identity", Choice::Identity),
            ("identity, gzip", Choice::Coding(Gzip)),
            ("identity, gzip;q=0.999", Choice::Identity),
            ("identity;q=0.5, gzip;q=0.4", Choice::Identity),
            ("identity;q=0.5, gzip;q=0.5", Choice::Coding(Gzip)),
            ("gzip;q=0.001", Choice::Coding(Gzip)),
            ("gzip;q=0.000", Choice::Identity),
            ("zstd;q=0.8, br;q=0.9, gzip;q=0.7", Choice::Coding(Brotli)),
            ("zstd;q=0.8, br;q=0.8, gzip;q=0.9", Choice::Coding(Gzip)),
            ("zstd;q=0.5, *", Choice::Coding(Brotli)),
            ("zstd;q=0, *;q=0.1", Choice::Coding(Brotli)),
            ("*;q=0.1, identity", Choice::Identity),
            ("*;q=0", Choice::Nothing),
            ("identity;q=0", Choice::Nothing),
            ("identity;q=0, deflate", Choice::Nothing),
            ("identity;q=0, gzip", Choice::Coding(Gzip)),
            ("identity;q=0, *;q=0.001", Choice::Coding(Zstd)),
            ("*;q=0, gzip", Choice::Coding(Gzip)),
            ("*;q=0, identity;q=0.001", Choice::Identity),
        ] {
            assert_eq!(choose(value), choice, "{value:?}");
        }
    }

    #[test]
    fn white_space_and_empty_elements_mean_nothing() {
        for value in [
            "br;q=0.2,gzip;q=0.3",
            " br ; q=0.2 , gzip ; q=0.3 ",
            "\tbr\t;\tq=0.2\t,\tgzip;Q=0.3\t",
            ",, br;q=0.2,,gzip;q=0.3,",
        ] {
            assert_eq!(choose(value), Choice::Coding(Gzip), "{value:?}");
            let of_two = parse(value).choose(&[Zstd, Brotli]);
            assert_eq!(of_two, Choice::Coding(Brotli), "{value:?}");
        }
    }

    #[test]
    fn malformed_elements_are_ignored() {
        let elements = "gzip;|gzip;q|\
            gzip;q=|gzip;q=2|gzip;q=10|gzip;q=1.0000|gzip;q=.5|gzip;q=0.1234|\
            gzip;q=1.001|gzip;q=-1|gzip;q=0,5|gzip;q=0.5x|gzip;q =1|gzip;q= 1|gzip;q=1;q=1|\
            gzip;level=1|gzip;q=0.0a|gzip;q=0.\u{e9}|gzip q|\"gzip\"|gzip/1|gzipp|gzi|;q=1|;|\
            =|x-x-gzip";
        for element in elements.split('|') {
            // Beside an element that would win by itself, and beside none.
            assert_eq!(choose(element), Choice::Identity, "{element:?}");
            let value = format!("{element}, br;q=0.001");
            assert_eq!(choose(&value), Choice::Coding(Brotli), "{value:?}");
        }
    }

    #[test]
    fn weights_have_up_to_three_decimals() {
        for (text, expected) in [
            ("q=0", 0),
            ("q=0.", 0),
            ("q=0.5", 500),
            ("q=0.05", 50),
            ("q=0.999", 999),
            ("q=1", 1000),
            ("q=1.", 1000),
            ("q=1.000", 1000),
        ] {
            assert_eq!(weight(text.as_bytes()), Some(expected), "{text}");
        }
    }

    #[test]
    fn without_the_field_identity_is_sent() {
        let acceptance = Acceptance::parse(iter::empty());
        assert_eq!(acceptance.choose(&Coding::ALL), Choice::Identity);
    }

    #[test]
    fn an_empty_value_takes_identity_only() {
        let acceptance = parse("");
        assert_eq!(acceptance.choose(&Coding::ALL), Choice::Identity);
    }

    #[test]
    fn several_lines_are_one_list() {
        let lines = ["gzip;q=0.5", "", "br;q=0.7, identity;q=0"];
        let acceptance = Acceptance::parse(lines.into_iter().map(str::as_bytes));
        assert_eq!(acceptance, parse(&lines.join(",")));
        assert_eq!(acceptance.choose(&Coding::ALL), Choice::Coding(Brotli));
    }

    #[test]
    fn of_several_weights_the_highest_counts() {
        for value in ["gzip;q=0.2, gzip, br;q=0.5", "x-gzip, br;q=0.5, gzip;q=0"] {
            assert_eq!(choose(value), Choice::Coding(Gzip), "{value:?}");
        }
    }

    #[test]
    fn only_what_is_available_is_chosen() {
        let all = parse("gzip, br, zstd");
        assert_eq!(all.choose(&[]), Choice::Identity);
        assert_eq!(all.choose(&[Gzip]), Choice::Coding(Gzip));
        assert_eq!(all.choose(&[Gzip, Zstd]), Choice::Coding(Gzip));
        assert_eq!(all.choose(&[Zstd, Gzip]), Choice::Coding(Zstd));
        assert_eq!(parse("br, *;q=0").choose(&[Gzip]), Choice::Nothing);
    }

    #[test]
    fn hostile_values_are_read_in_one_pass() {
        let commas = ",".repeat(1 << 20);
        assert_eq!(choose(&commas), Choice::Identity);
        assert_eq!(choose(&(commas + "gzip")), Choice::Coding(Gzip));
        let long = format!(
            "{},br;q=0.{}, gzip",
            "x".repeat(1 << 20),
            "1".repeat(1 << 20)
        );
        assert_eq!(choose(&long), Choice::Coding(Gzip));
        let repeated = "gzip;q=0,".repeat(1 << 16);
        assert_eq!(choose(&repeated), Choice::Identity);
        let semicolons = ";".repeat(1 << 20);
        assert_eq!(choose(&semicolons), Choice::Identity);
        assert_eq!(
            choose(&format!("gzip{}", " ".repeat(1 << 20))),
            Choice::Coding(Gzip)
        );
        let bytes: Vec<u8> = (0..=255).collect();
        let acceptance = Acceptance::parse(iter::once(&bytes[..]));
        assert_eq!(acceptance.choose(&Coding::ALL), Choice::Identity);
    }

    #[test]
    fn the_common_list_says_what_is_in_it() {
        let mut said = Said::default();
        said.add_list(COMMON);
        assert_eq!(said, COMMON_SAID);
    }

    #[test]
    fn it_is_small() {
        assert!(size_of::<Acceptance>() <= 16);
    }

    /// Chooses as the RFC's text has it, from what the list was made of.
    fn choose_naively(elements: &[(&str, u32)], available: &[Coding]) -> Choice {
        let of = |name: &str| {
            let named = elements.iter().filter(|element| element.0 == name);
            named.map(|element| element.1).max()
        };
        let others = of("*");
        let mut ranking: Vec<(u32, Choice)> = available
            .iter()
            .map(|&coding| {
                let weight = of(coding.as_str()).or(others).unwrap_or(0);
                (weight, Choice::Coding(coding))
            })
            .filter(|(weight, _)| *weight > 0)
            .collect();
        // Last, and with no weight of its own of the lowest.
        match of("identity") {
            Some(0) => {}
            Some(weight) => ranking.push((weight, Choice::Identity)),
            None if others == Some(0) => {}
            None => ranking.push((0, Choice::Identity)),
        }
        // The sort is stable: of equal ones the first stays first.
        ranking.sort_by_key(|(weight, _)| u32::MAX - weight);
        ranking.first().map_or(Choice::Nothing, |ranked| ranked.1)
    }

    #[test]
    fn any_list_is_read_as_the_rfc_says() {
        const NAMES: [&str; 6] = ["gzip", "br", "zstd", "identity", "*", "deflate"];
        const AVAILABLE: [&[Coding]; 4] = [
            &Coding::ALL,
            &[Gzip, Brotli],
            &[Brotli],
            &[Gzip, Zstd, Brotli],
        ];
        let mut random = Random::new(0x0acc);
        for round in 0..20_000 {
            let elements: Vec<(&str, u32)> = (0..random.below(6))
                .map(|_| {
                    let weights = [0, 0, 1, 300, 700, 1000];
                    (random.pick(&NAMES), random.pick(&weights))
                })
                .collect();
            let list: Vec<String> = elements
                .iter()
                .map(|(name, weight)| match weight {
                    1000 => (*name).to_owned(),
                    _ => format!("{name};q=0.{weight:03}"),
                })
                .collect();
            let value = list.join([",", ", ", "\t,\t"][random.below(3)]);
            let available = random.pick(&AVAILABLE);
            assert_eq!(
                parse(&value).choose(available),
                choose_naively(&elements, available),
                "round {round}: {value:?} of {available:?}"
            );
        }
    }
}
