//! Devices that pods claim. Mirrors plugins/dynamicresources for pods that claim none.
//!
//! Leaves out: resource claims, classes and slices, of which the cluster has no kinds.

use super::super::cache::Cache;
use super::super::framework::{CycleState, Plugin, Point, PostFilterContext, PostFilterResult, PreFilter, Rejection};
use super::super::pod_info::PodInfo;

/// The plugin's name.
pub const NAME: &str = "DynamicResources";

/// The plugin.
#[derive(Clone, Copy, Debug)]
pub struct DynamicResources;

impl Plugin for DynamicResources {
    fn name(&self) -> &'static str {
        NAME
    }

    fn points(&self) -> &'static [Point] {
        &[Point::PreFilter, Point::PostFilter]
    }

    fn pre_filter(&self, _state: &mut CycleState, _pod: &PodInfo, _cache: &Cache) -> Result<PreFilter, Rejection> {
        Ok(PreFilter::Skip)
    }

    fn post_filter(&self, _context: &PostFilterContext<'_>) -> PostFilterResult {
        PostFilterResult { message: "no new claims to deallocate".to_owned(), ..PostFilterResult::default() }
    }
}
