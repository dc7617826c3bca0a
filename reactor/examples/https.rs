//! A server over TLS: `https CERT KEY`, PEM files as certbot writes them.

use std::sync::Arc;
use std::{env, fs};

use reactor::tls::{Certificate, Tls};
use reactor::{Reply, Request, Route, Server, Site};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut paths = env::args().skip(1);
    let (Some(chain), Some(key)) = (paths.next(), paths.next()) else {
        return Err("usage: https CERT KEY".into());
    };
    let certificate = Certificate::from_pem(&fs::read(chain)?, &fs::read(key)?)?;
    let tls = Tls::builder().certificate(certificate).build(None)?;

    let hello = Route::get("/", |request: &mut Request<'_>| {
        match request.view().tls() {
            Some(tls) => {
                let (version, suite) = (tls.version(), tls.cipher_suite());
                request
                    .out()
                    .text(format_args!("Hello over {version}, {suite}!\n"))
            }
            None => Reply::text("Hello in the clear!\n"),
        }
    });
    let site = Site::builder().route(hello).tls(Arc::new(tls)).build()?;
    Server::new(site)
        .listen("127.0.0.1:8080".parse()?)
        .listen_tls("127.0.0.1:8443".parse()?)
        .run()?;
    Ok(())
}
