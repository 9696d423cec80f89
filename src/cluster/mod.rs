//! The cluster: wires processes into a `World`; configuration in, `Command` in, `Snapshot` out.

mod branches;
mod command;
mod command_json;
mod compare;
mod config;
mod cri_text;
mod effects;
mod explain;
mod export;
mod faults;
#[cfg(test)]
mod faults_tests;
mod gateway;
pub mod graph;
mod index;
mod inflate;
pub mod inside;
mod label;
#[cfg(test)]
mod leaders_tests;
mod link;
pub mod muster;
mod session;
mod session_file;
mod snapshot;
pub mod storage;
mod trace_lines;
mod versions;
mod views;
mod world;

pub use branches::{Branch, Branches};
pub use command::{Command, FaultSpec, HttpInput, Stuff};
pub use compare::{Comparison, Difference, Entry, parting};
pub use config::{CONTROL_PLANES_MAX, Config};
pub use effects::CausalTree;
pub use explain::{BodyView, CauseLink, MessageView};
pub use export::export_objects;
pub use faults::{BrokenLink, Standing};
pub use gateway::{Gateway, GatewayEvent};
pub use label::{FlightKind, Label, message_label, short_name};
pub use link::{fragment, read_fragment};
pub use session::{Applied, InvocationView, Session, Stats};
pub use session_file::{BYTES_MAX, NODES_MAX, SessionFile};
pub use snapshot::{ComponentView, Flight, NodeView, Phase, PodView, Snapshot};
pub use trace_lines::trace_lines;
pub use versions::Before;
pub use views::LEADERSHIP;
pub use world::World;
