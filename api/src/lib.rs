//! The control plane's API over gRPC: what `proto/controlplane.proto` says, as messages, client and server.
//!
//! The schema's first part is that of the Go gateway, number by number; what follows is added to it.

/// Package `controlplane`.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::allow_attributes_without_reason,
    clippy::doc_markdown,
    reason = "generated; documented in the schema"
)]
pub mod controlplane {
    tonic::include_proto!("controlplane");
}

/// The schema, as a `FileDescriptorSet`: what reflection tells.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/controlplane.bin"));
