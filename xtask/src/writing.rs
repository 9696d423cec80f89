//! What the editor is made of and is checked in: its bundle and the schema it completes from.

use std::process::Command;

use crate::tools::Tools;
use crate::{Result, cargo, run, step};

/// Writes `static/schema.json` from what k8s-openapi says of the registered kinds.
pub fn schema() -> Result {
    step("writing static/schema.json");
    run(cargo()
        .args(["test", "--quiet", "--test", "schema", "--", "the_schema_is_up_to_date"])
        .env("KUBARIUM_WRITE", "1"))
}

/// Bundles `static/src/` into `static/editor.js`.
pub fn editor() -> Result {
    Tools::ensure()?;
    step("bundling static/editor.js");
    run(Command::new("npm").args(["run", "--silent", "editor"]))
}
