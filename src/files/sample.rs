//! What unit tests of several modules need: assets, and a configuration.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reactor::sys::{OpenFile, Residence};

use super::asset::{Asset, Content, Place, Traits};
use super::config::{Config, Try};
use super::stamp::Stamp;
use crate::encoding::Coding;

/// A time of day at which the samples are old.
pub const WALL: Duration = Duration::from_secs(1_800_000_000);

/// Where files are served from `root`: all that can be switched on is, but for hidden names.
pub fn config(root: &Path) -> Config {
    Config {
        root: root.to_owned(),
        index: vec!["index.html".into(), "index.htm".into()],
        browse: false,
        hidden: false,
        follow_symlinks: false,
        try_files: ["$uri", "$uri/"].map(|path| Try::Path(path.into())).into(),
        error_pages: Vec::new(),
        cache_control: Vec::new(),
        types: Vec::new(),
        precompressed: vec![Coding::Brotli, Coding::Gzip],
        compress: Coding::ALL.into(),
        cache_bytes_max: 1 << 20,
        sendfile: true,
    }
}

/// What is said of a text that is not coded.
pub fn traits() -> Traits {
    Traits {
        content_type: "text/plain; charset=utf-8".into(),
        cache_control: None,
        varies: false,
        may_be_coded: false,
    }
}

/// These bytes.
pub fn memory(bytes: &[u8]) -> Content {
    Content::Memory(bytes.into())
}

/// An open file that holds a descriptor.
pub fn file() -> Content {
    file_at(Path::new("/dev/null"))
}

/// This one.
pub fn file_at(path: &Path) -> Content {
    let file = File::open(path).unwrap();
    Content::File(Arc::new(OpenFile::new(file, Residence::Unknown)), 1 << 20)
}

/// Where a file is that is asked for by its path, and has nothing beside it.
pub fn place(key: &str) -> Place {
    Place {
        key: key.as_bytes().into(),
        path: std::ffi::CString::new(key).unwrap(),
        absent: Vec::new(),
        unusable: Vec::new(),
    }
}

/// A file of these bytes that was left alone for long.
pub fn asset(key: &str, bytes: &[u8]) -> Arc<Asset> {
    asset_of(key, memory(bytes))
}

/// A file with this content that was left alone for long.
pub fn asset_of(key: &str, content: Content) -> Arc<Asset> {
    let stamp = Stamp::sample(content.len(), Duration::from_secs(1_000_000_000));
    let asset = Asset::new(place(key), stamp, traits(), content, Vec::new(), WALL);
    Arc::new(asset)
}
