//! Edges and services over the real Go transport, old and new generation, in every pairing.

mod calls;
mod links;
mod load;
mod messages;
mod pairs;
mod presence;
mod streams;
