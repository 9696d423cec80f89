//! The bare kernel as Wasm for `cargo xtask bench`: a package of its own, because the dev-dependencies of
//! an example do not build for wasm32.

#[path = "../../../examples/ring/mod.rs"]
mod ring;

/// Sends `events` messages round a ring of processes, trace and hash included, and gives how many were
/// handled. `tests/page/bench.mjs` calls and times it.
#[unsafe(no_mangle)]
pub extern "C" fn ring(events: u64) -> u64 {
    ring::run(events)
}
