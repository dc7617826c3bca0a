//! What the system says, as people read it.

use std::io;

/// The system's words for an error, without its number.
pub fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_an_error_is_left_out() {
        let missing = io::Error::from_raw_os_error(2);
        assert_eq!(plain(&missing), "No such file or directory");
        assert_eq!(plain(&io::Error::other("no (really)")), "no (really)");
    }
}
