//! `frontierctl kick`.

use api::controlplane::{KickEdgeRequest, KickServiceRequest};
use clap::ValueEnum;

use super::Client;
use crate::failure::Failure;
use crate::output::{Output, fields};

/// Whom.
#[derive(Debug, clap::Args)]
pub(crate) struct KickArgs {
    /// Edge or service
    kind: Kind,
    /// The id; several are kicked one after another
    #[arg(required = true, value_name = "ID")]
    ids: Vec<u64>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    Edge,
    Service,
}

/// Kicks all of them, and goes on if one is not there; fails then.
pub(super) async fn kick(mut client: Client, args: KickArgs, output: Output) -> Result<(), Failure> {
    let mut failed = None;
    for id in args.ids {
        let (kind, kicked) = match args.kind {
            Kind::Edge => ("edge", client.kick_edge(KickEdgeRequest { edge_id: id }).await.map(drop)),
            Kind::Service => ("service", client.kick_service(KickServiceRequest { service_id: id }).await.map(drop)),
        };
        match kicked.map_err(Failure::from) {
            Ok(()) => {
                let told = fields([("kind", kind.into()), ("id", id.to_string().into()), ("kicked", true.into())]);
                if output.is_json() {
                    output.object(told)?;
                } else {
                    output.note(&format!("{kind} {id} is kicked"), told)?;
                }
            }
            Err(Failure::FarSide(error)) => {
                let failure = Failure::FarSide(format!("{kind} {id}: {error}"));
                output.failed(&failure);
                failed = Some(Failure::Told(Box::new(failure)));
            }
            Err(failure) => return Err(failure),
        }
    }
    failed.map_or(Ok(()), Err)
}
