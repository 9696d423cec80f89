//! The scene: pure geometry. Where things stand, where packets are, what a label may cover, how
//! time maps onto the timeline. Knows no browser.

pub mod curves;
mod geometry;
mod graph;
mod labels;
mod layout;
mod packets;
mod pods;
mod sites;
mod steps;
mod timeline;

pub use geometry::{Path, Point, Rect, point, rect};
pub use graph::{GraphBand, GraphLayout, Route};
pub use labels::{Emphasis, PlacedLabel, TextSize, place_labels};
pub use layout::{Card, Form, Layout, Level, RULE_OFFSET, Site, Wire};
pub use packets::{AGGREGATE_ABOVE, AGGREGATE_BELOW, Aggregates, Packet, Place, nearest, packets};
pub use pods::{Grid, PodPlaces, places_for, short_cell_name};
pub use sites::Sites;
pub use steps::{Arrow, along_wire, beside};
pub use timeline::{Bar, Mark, Tick, Tone, Window, bars, clock, ticks};
