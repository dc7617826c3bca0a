//! Bodies that lie in files, and what stands for a file.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, IoSliceMut};
use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use crate::sys::OpenFile;

/// Bytes at offsets: an open file ([`OpenFile`]), or whatever stands for one. Shared by
/// all that send from it.
pub trait ReadAt: Send + Sync + fmt::Debug + 'static {
    /// Reads into `pieces` from `offset` on, and never waits for a disk. Returns how many bytes
    /// there were: 0 at the end, less than there is room for also elsewhere.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] when the bytes are not in memory, or that cannot be told: a
    /// job reads them then. Others cut the response.
    fn read_now(&self, pieces: &mut [IoSliceMut<'_>], offset: u64) -> io::Result<usize>;

    /// Reads into `bytes` from `offset` on, as [`ReadAt::read_now`] does, but waits as long as it
    /// takes. Only jobs call this.
    ///
    /// # Errors
    ///
    /// What cannot be read cuts the response.
    fn read(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize>;

    /// The open file, if there is one from which the system may send by itself what the others
    /// would read. `None` has the bytes copied.
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

impl ReadAt for OpenFile {
    fn read_now(&self, pieces: &mut [IoSliceMut<'_>], offset: u64) -> io::Result<usize> {
        self.read_now(pieces, offset)
    }

    fn read(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        self.read(bytes, offset)
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.descriptor()
    }
}

/// A body made of parts of a file, and of texts between them.
#[derive(Debug)]
pub struct FileBody {
    pub(crate) source: Arc<dyn ReadAt>,
    /// What is being sent: where the next byte is, and where this part ends.
    pub(crate) part: Range<u64>,
    /// What goes behind that.
    pub(crate) rest: VecDeque<FilePart>,
}

/// A part of a [`FileBody`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilePart {
    /// These bytes.
    Text(Vec<u8>),
    /// The bytes of the file from the first offset up to, not including, the second.
    Range(Range<u64>),
}

impl FileBody {
    /// The bytes of `source` from the first offset up to the second. If it turns out to be shorter,
    /// the connection is cut.
    pub fn new(source: Arc<dyn ReadAt>, range: Range<u64>) -> FileBody {
        FileBody {
            source,
            part: range,
            rest: VecDeque::new(),
        }
    }

    /// Several parts, one behind the other.
    pub fn in_parts(source: Arc<dyn ReadAt>, parts: impl Into<VecDeque<FilePart>>) -> FileBody {
        FileBody {
            source,
            part: 0..0,
            rest: parts.into(),
        }
    }

    /// Bytes that are still to be sent.
    pub fn len(&self) -> u64 {
        let rest = self.rest.iter().map(|part| match part {
            FilePart::Text(text) => text.len() as u64,
            FilePart::Range(range) => range.end.saturating_sub(range.start),
        });
        let part = self.part.end.saturating_sub(self.part.start);
        rest.fold(part, u64::saturating_add)
    }

    /// The parts of the file that are still to be sent.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = &Range<u64>> {
        let rest = self.rest.iter().filter_map(|part| match part {
            FilePart::Range(range) => Some(range),
            FilePart::Text(_) => None,
        });
        std::iter::once(&self.part)
            .filter(|part| part.start < part.end)
            .chain(rest)
    }

    /// Whether nothing is to be sent any more.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Turns to the next part that has bytes of the file in it; texts before it are handed to
    /// `text`. False when there is none.
    pub(crate) fn seek(&mut self, mut text: impl FnMut(Vec<u8>)) -> bool {
        while self.part.start >= self.part.end {
            match self.rest.pop_front() {
                None => return false,
                Some(FilePart::Text(bytes)) => text(bytes),
                Some(FilePart::Range(range)) => self.part = range,
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An empty file.
    #[derive(Debug)]
    struct Nothing;

    impl ReadAt for Nothing {
        fn read_now(&self, _: &mut [IoSliceMut<'_>], _: u64) -> io::Result<usize> {
            Ok(0)
        }

        fn read(&self, _: &mut [u8], _: u64) -> io::Result<usize> {
            Ok(0)
        }
    }

    #[test]
    fn parts_come_one_behind_the_other() {
        let parts = vec![
            FilePart::Text(b"one".to_vec()),
            FilePart::Range(5..5),
            FilePart::Range(5 << 32..(5 << 32) + 10),
            FilePart::Text(b"two".to_vec()),
            FilePart::Text(b"three".to_vec()),
        ];
        let mut body = FileBody::in_parts(Arc::new(Nothing), parts);
        assert_eq!(body.len(), 21);
        let mut texts = Vec::new();
        assert!(body.seek(|text| texts.push(text)));
        assert_eq!(
            (body.part.clone(), texts.len()),
            (5 << 32..(5 << 32) + 10, 1)
        );
        body.part.start += 4;
        assert!(body.seek(|text| texts.push(text)));
        assert_eq!((body.len(), texts.len()), (14, 1));
        body.part.start += 6;
        assert!(!body.seek(|text| texts.push(text)));
        assert_eq!(texts.concat(), b"onetwothree");
        assert!(body.is_empty() && !body.seek(|_| panic!("nothing is left")));
    }
}
