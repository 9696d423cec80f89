//! How many pods a rollout may have too many and too few.
//!
//! Mirrors pkg/controller/deployment/util `ResolveFenceposts`, `MaxSurge`, `MaxUnavailable`,
//! `NewRSNewReplicas` and `GetReplicaSetProportion`.

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::controllers::percent::scaled;

use super::{annotations, desired, is_rolling, replicas};

/// Resolves both limits against `desired`. If both come to zero one pod may be missing, since with
/// neither the rollout could not go on.
pub fn resolve_fenceposts(
    max_surge: Option<&IntOrString>,
    max_unavailable: Option<&IntOrString>,
    desired: i32,
) -> Result<(i32, i32), String> {
    let zero = IntOrString::Int(0);
    let surge = scaled(max_surge.unwrap_or(&zero), desired, true)?;
    let unavailable = scaled(max_unavailable.unwrap_or(&zero), desired, false)?;
    Ok(if surge == 0 && unavailable == 0 { (0, 1) } else { (surge, unavailable) })
}

/// Both limits of a Deployment; zero for what cannot be read, as upstream ignores the error.
fn limits(deployment: &Deployment) -> (i32, i32) {
    let strategy = deployment.spec.as_ref().and_then(|spec| spec.strategy.as_ref());
    let rolling = strategy.and_then(|strategy| strategy.rolling_update.as_ref());
    let (surge, unavailable) = match rolling {
        Some(rolling) => (rolling.max_surge.as_ref(), rolling.max_unavailable.as_ref()),
        None => (None, None),
    };
    resolve_fenceposts(surge, unavailable, desired(deployment)).unwrap_or((0, 0))
}

/// How many pods there may be more than desired.
pub fn max_surge(deployment: &Deployment) -> i32 {
    if is_rolling(deployment) { limits(deployment).0 } else { 0 }
}

/// How many of the desired pods may be unavailable.
pub fn max_unavailable(deployment: &Deployment) -> i32 {
    let desired = desired(deployment);
    if !is_rolling(deployment) || desired == 0 {
        return 0;
    }
    limits(deployment).1.min(desired)
}

/// How many replicas the new ReplicaSet, which has `new`, should have when all of them have `all` together.
pub fn new_replicas(deployment: &Deployment, all: i32, new: i32) -> i32 {
    let desired = desired(deployment);
    if !is_rolling(deployment) {
        return desired;
    }
    // Upstream resolves the surge here without the fenceposts.
    let strategy = deployment.spec.as_ref().and_then(|spec| spec.strategy.as_ref());
    let surge = strategy
        .and_then(|strategy| strategy.rolling_update.as_ref()?.max_surge.as_ref())
        .map_or(0, |surge| scaled(surge, desired, true).unwrap_or(0));
    let max_total = desired + surge;
    if all >= max_total {
        return new;
    }
    new + (max_total - all).min(desired - new)
}

/// The share of a ReplicaSet in `to_add` replicas (negative: to take away), of which `added` are
/// already given.
pub fn proportion(set: &ReplicaSet, deployment: &Deployment, to_add: i32, added: i32) -> i32 {
    if replicas(set) == 0 || to_add == 0 || to_add == added {
        return 0;
    }
    let share = fraction(set, deployment);
    let allowed = to_add - added;
    if to_add > 0 { share.min(allowed) } else { share.max(allowed) }
}

/// By how much a ReplicaSet should grow or shrink to keep its part of the whole.
fn fraction(set: &ReplicaSet, deployment: &Deployment) -> i32 {
    let desired = desired(deployment);
    if desired == 0 {
        return -replicas(set);
    }
    let max = i64::from(desired + max_surge(deployment));
    let before = annotations::max_replicas(set)
        .filter(|max| *max != 0)
        .unwrap_or_else(|| deployment.status.as_ref().and_then(|status| status.replicas).unwrap_or(0));
    let before = i64::from(before);
    if before == 0 {
        return 0;
    }
    // Rounded half away from zero, in whole numbers: both are positive here.
    let size = (2 * i64::from(replicas(set)) * max + before) / (2 * before);
    i32::try_from(size).unwrap_or(i32::MAX) - replicas(set)
}
