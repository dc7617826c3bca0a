//! What the black-box tests share: the real binary as a child process, a client that speaks raw
//! bytes, and waiting with a deadline. It knows nothing of the engine; what it expects of the
//! server is what a client, a shell or the kernel can see.
//!
//! Every test binary compiles this module for itself and uses a part of it.
#![allow(dead_code, unused_imports)]

mod any_certificate;
mod browser;
mod client;
mod coded;
mod https;
mod peer;
mod pki;
mod refused;
mod server;
mod site;
mod wait;
mod watched;

pub use browser::{Browser, Visit};
pub use client::{Client, Response, chunked, connect_from, get, pattern, post};
pub use coded::{decode, text};
pub use https::{LOCAL, curl_ping, expect_pong, lacks_tools, secure_refusal, start_secure};
pub use peer::{Tls, client_hello, client_of, sealed, trusting, trusting_with};
pub use pki::{Files, Pki, Secure, connect_commanding, connect_secure, handshake, openssl, served};
pub use refused::{HOST, expect_refusals, with_fields};
pub use server::{Server, command, output};
pub use site::{Folder, request};
pub use wait::{PATIENCE, skip, skipped_without, until};
pub use watched::Watched;
