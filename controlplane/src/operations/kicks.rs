//! Kicks, each with its line in the log.

use std::sync::Arc;
use std::time::Duration;

use proto::id::{EdgeId, ServiceId};
use tokio::time::timeout;
use tracing::info;

use super::Operations;
use crate::access::Caller;
use crate::failure::Failure;
use crate::running::LinkKind;

/// How long a link that is kicked may take to say that it is gone. It takes microseconds, unless the machine has stopped.
const PATIENCE: Duration = Duration::from_secs(5);

impl Operations {
    /// Kicks an edge. It is carried out even if whoever asked goes away meanwhile.
    pub(crate) async fn kick_edge(&self, caller: Caller, edge: u64) -> Result<(), Failure> {
        let running = Arc::clone(&self.running);
        self.kick(caller, LinkKind::Edge, edge, async move { running.kick_edge(EdgeId(edge)).await }).await
    }

    /// Kicks a service; as [`Operations::kick_edge`].
    pub(crate) async fn kick_service(&self, caller: Caller, service: u64) -> Result<(), Failure> {
        let running = Arc::clone(&self.running);
        self.kick(caller, LinkKind::Service, service, async move { running.kick_service(ServiceId(service)).await })
            .await
    }

    async fn kick(
        &self,
        caller: Caller,
        kind: LinkKind,
        id: u64,
        kick: impl Future<Output = bool> + Send + 'static,
    ) -> Result<(), Failure> {
        if !caller.may_write() {
            audit(&caller, kind, id, "denied");
            return Err(Failure::ReadOnly);
        }
        let kicked = self.tasks.spawn(async move {
            let (result, kicked) = match timeout(PATIENCE, kick).await {
                Ok(true) => ("kicked", Ok(())),
                Ok(false) => ("not online", Err(Failure::NotOnline(kind))),
                // It ends all the same, as soon as its task comes to it.
                Err(_) => ("no answer", Err(Failure::Late)),
            };
            audit(&caller, kind, id, result);
            kicked
        });
        kicked.await.unwrap_or(Err(Failure::Late))
    }
}

/// The line that says who kicked whom.
fn audit(caller: &Caller, kind: LinkKind, id: u64, result: &str) {
    info!(by = caller.who(), from = %caller.peer, kind = kind.word(), id, result, "kick");
}
