//! Prefers nodes that already have the pod's images. Mirrors plugins/imagelocality.
//!
//! Volumes that are images count as containers do: 1.36 counts them, the first of it without raising the threshold.

use super::super::cache::{Cache, ImageState};
use super::super::framework::{CycleState, MAX_NODE_SCORE, Plugin, Point};
use super::super::node_info::NodeInfo;
use super::super::pod_info::PodInfo;

/// The plugin's name.
pub const NAME: &str = "ImageLocality";

const MB: i64 = 1024 * 1024;
/// Images smaller than this in sum count for nothing.
const MIN_THRESHOLD: i64 = 23 * MB;
/// More than this per image counts no further.
const MAX_IMAGE_THRESHOLD: i64 = 1000 * MB;

/// The plugin.
#[derive(Clone, Copy, Debug)]
pub struct ImageLocality;

impl Plugin for ImageLocality {
    fn name(&self) -> &'static str {
        NAME
    }

    fn points(&self) -> &'static [Point] {
        &[Point::Score]
    }

    fn score(&self, _state: &CycleState, pod: &PodInfo, node: &NodeInfo, cache: &Cache) -> i64 {
        if !node.has_images() {
            return 0;
        }
        let present = pod.images.iter().filter(|image| node.has_image(image.digest));
        let sum = present.filter_map(|image| cache.image(&image.name)).map(|state| scaled(state, cache.len())).sum();
        priority(sum, pod.images.len())
    }
}

/// `calculatePriority`: the sum between the thresholds, as a score.
fn priority(sum: i64, images: usize) -> i64 {
    let max = MAX_IMAGE_THRESHOLD * i64::try_from(images).unwrap_or(i64::MAX / MAX_IMAGE_THRESHOLD);
    if max <= MIN_THRESHOLD {
        return 0;
    }
    MAX_NODE_SCORE * (sum.clamp(MIN_THRESHOLD, max) - MIN_THRESHOLD) / (max - MIN_THRESHOLD)
}

/// `scaledImageScore`: the size, less for an image that few nodes have, so that pods do not all run to
/// one node. In floating point, as upstream.
fn scaled(image: &ImageState, all_nodes: usize) -> i64 {
    let spread = image.nodes.len() as f64 / all_nodes as f64;
    (image.size_bytes as f64 * spread) as i64
}
