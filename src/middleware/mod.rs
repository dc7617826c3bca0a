//! What stands around all routes, whatever they serve.
//!
//! Each file is one [`reactor::Middleware`] with its settings. Must not know which routes there
//! are, nor where certificates come from.

mod headers;
mod hsts;
mod https_redirect;
#[cfg(test)]
mod tests;

pub use headers::{HeaderField, Headers};
pub use hsts::{Hsts, HstsPolicy};
pub use https_redirect::{HTTPS_PORT, HostCheck, HttpsRedirect, RedirectPort};
