//! Collections whose clone is cheap, so that a clone of a process is a checkpoint: a list of chunks
//! behind `Arc`, of which a change copies one.
//!
//! Two levels are enough for what the cluster holds (150,000 pods are some 3,000 chunks), and the code
//! that each pair of types costs in the page is a tenth of what a balanced tree's is.

mod index;
mod map;
mod set;
#[cfg(test)]
mod tests;
mod vector;

pub use index::TextIndex;
pub use map::{Entry, OrdMap};
pub use set::OrdSet;
pub use vector::Vector;

/// Entries in a chunk at most: what a change of a shared collection copies.
const CHUNK: usize = 64;
