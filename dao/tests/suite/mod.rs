//! Plain tests of one back end, which `super::fresh` gives out.

use super::fresh;

#[path = "edges.rs"]
mod edges;
#[path = "queries.rs"]
mod queries;
#[path = "services.rs"]
mod services;
