//! A certificate for gateways that are measured over TLS.

use std::fs;

use anyhow::{Context, Result};

use crate::args::Certificate;

/// Writes a certificate that is good for this machine alone, and its key.
pub(crate) fn write(args: &Certificate) -> Result<()> {
    let names = ["127.0.0.1".to_owned(), "localhost".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).context("a certificate cannot be made")?;
    for (file, text) in [(&args.cert, made.cert.pem()), (&args.key, made.signing_key.serialize_pem())] {
        fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}
