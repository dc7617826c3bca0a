//! Which form of a list a client prefers (RFC 9110 section 12.5.1).

use crate::encoding::weight;

/// How a client thinks of a media type: its weight in thousandths, and how exactly it was named.
type Preference = (u16, Precision);

/// How exactly a range names a type; the most exact one decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Precision {
    NotNamed,
    Anything,
    Kind,
    Type,
}

/// Whether a client with these values of `Accept` prefers JSON to a page. With the same weight for
/// both it gets JSON only if it names that more exactly: `application/json, */*` does, a browser
/// and `*/*` do not.
pub fn wants_json<'a>(accept: impl Iterator<Item = &'a [u8]>) -> bool {
    let (mut json, mut html) = ((0, Precision::NotNamed), (0, Precision::NotNamed));
    for range in accept.flat_map(|value| value.split(|byte| *byte == b',')) {
        consider(range, "application", "json", &mut json);
        consider(range, "text", "html", &mut html);
    }
    json.0 > 0 && json > html
}

/// Takes a range into account if it is for this type, and more exact than those before it.
fn consider(range: &[u8], kind: &str, subtype: &str, preference: &mut Preference) {
    let mut parts = range.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let Some((own_kind, own_subtype)) = parts.next().and_then(split_type) else {
        return;
    };
    let precision = match (own_kind, own_subtype) {
        (b"*", b"*") => Precision::Anything,
        (own, b"*") if own.eq_ignore_ascii_case(kind.as_bytes()) => Precision::Kind,
        (own, other)
            if own.eq_ignore_ascii_case(kind.as_bytes())
                && other.eq_ignore_ascii_case(subtype.as_bytes()) =>
        {
            Precision::Type
        }
        _ => return,
    };
    let is_weight = |parameter: &&[u8]| matches!(parameter, [b'q' | b'Q', b'=', ..]);
    let weight = parts.find(is_weight).map_or(Some(1000), weight);
    if let Some(weight) = weight
        && precision > preference.1
    {
        *preference = (weight, precision);
    }
}

fn split_type(range: &[u8]) -> Option<(&[u8], &[u8])> {
    let slash = range.iter().position(|byte| *byte == b'/')?;
    Some((&range[..slash], &range[slash + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wants(values: &[&str]) -> bool {
        wants_json(values.iter().map(|value| value.as_bytes()))
    }

    #[test]
    fn json_is_for_those_who_prefer_it() {
        for values in [
            &["application/json"][..],
            &["APPLICATION/JSON; charset=utf-8"],
            // What axios sends.
            &["application/json, text/plain, */*"],
            &["text/html;q=0.9, application/json"],
            &["text/html;q=0.9,application/json;q=0.901"],
            &["text/html; q=0.5 , application/* ; q=0.6"],
            &["text/*, application/json"],
            &["text/html;q=0, */*"],
            &["text/html;q=0.1", "application/json"],
            &["application/json;version=1;Q=1.000, text/html;q=0.999"],
            &["application/json;q=0.001"],
        ] {
            assert!(wants(values), "{values:?}");
        }
    }

    #[test]
    fn everybody_else_gets_a_page() {
        for values in [
            &[][..],
            &[""],
            &["*/*"],
            // What browsers send.
            &["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"],
            &["text/html,application/json"],
            &["application/json,text/html"],
            &["application/json;q=0.9,text/html"],
            &["application/*,text/*"],
            &["application/json;q=0"],
            &["application/json;q=0, */*"],
            &["application/*;q=0, text/html;q=0"],
            &["text/plain"],
            &["application/jsonp, application/json+x"],
            &["application/json;q=2"],
            &["application/json;q="],
            &["application/json;q=0.1234"],
            &["application/json;q=1.001"],
            &["application/json;q=0.x"],
            &["json, /json, application, ,;,"],
        ] {
            assert!(!wants(values), "{values:?}");
        }
    }
}
