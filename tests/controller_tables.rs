//! What upstream's controllers decide, as tables, put to the controllers themselves. Prints `N of M` for every file.
//!
//! The corpus has every other row of most of upstream's tests; `controller_tables/more/` has others, of the same form.

#[path = "controller_tables/cronjob.rs"]
mod cronjob;
#[path = "controller_tables/daemonset.rs"]
mod daemonset;
#[path = "controller_tables/deployment.rs"]
mod deployment;
#[path = "controller_tables/deployment_said.rs"]
mod deployment_said;
#[path = "controller_tables/endpointslice.rs"]
mod endpointslice;
#[path = "controller_tables/fields.rs"]
mod fields;
#[path = "controller_tables/job.rs"]
mod job;
#[path = "controller_tables/nodelifecycle.rs"]
mod nodelifecycle;
#[path = "controller_tables/pdb.rs"]
mod pdb;
#[path = "controller_tables/replicaset.rs"]
mod replicaset;
#[path = "controller_tables/statefulset.rs"]
mod statefulset;
#[path = "tables/mod.rs"]
mod tables;
#[path = "controller_tables/tainteviction.rs"]
mod tainteviction;
#[path = "controller_tables/texts.rs"]
mod texts;

use std::path::Path;

/// A table of the corpus with our own rows. A field of a row that no reader looks at is a miss.
fn read(file: &str) -> tables::Table {
    let more = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/controller_tables/more");
    let mut table = tables::Table::read("controllers", file, &more);
    table.known = Some(fields::check);
    table
}
