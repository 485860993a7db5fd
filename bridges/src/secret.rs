//! Secrets, read anew for each connection: one that is exchanged is taken up without a restart.

use config::{Credential, Secret};
use net::Causes;
use tokio::task::spawn_blocking;

use crate::PublishError;

/// The secret that `credential` names, from its file or variable as it is now.
pub(crate) async fn secret(credential: &Credential) -> Result<Option<Secret>, PublishError> {
    let credential = credential.clone();
    let read = spawn_blocking(move || credential.secret(|name| std::env::var(name).ok())).await;
    let read = read.map_err(|error| PublishError::lost(format_args!("reading a secret ended early: {error}")))?;
    read.map_err(|error| PublishError::lost(Causes(&error)))
}
