//! Nothing comes into a namespace that its quotas have no room for.
//!
//! Mirrors apiserver/pkg/admission/plugin/resourcequota. Leaves out: resources limited by configuration, and that
//! several requests are checked in one go; a lost race is decided anew on what etcd has.

use std::sync::Arc;

use k8s_openapi::api::core::v1::ResourceQuota;

use crate::api::{Kind, Object, Status, Typed, quota};

use super::super::cache::WatchCache;
use super::super::registry::Decision;
use super::forbidden;

/// The quotas that an object would use more of, by name.
///
/// # Errors
/// The first quota without room.
pub(in super::super) fn concerned(
    cache: &WatchCache,
    object: &Object,
    old: Option<&Object>,
    unix_micros: i64,
) -> Result<Vec<Arc<str>>, Status> {
    let info = object.info();
    if !quota::is_counted(info) {
        return Ok(Vec::new());
    }
    let prefix = Kind::ResourceQuota.info().etcd_key(object.namespace(), "");
    let mut names = Vec::new();
    for (_, stored) in cache.objects(Kind::ResourceQuota, &prefix, &prefix) {
        let found = stored.object();
        let charged = quota::check(found.expect(), object, old, unix_micros);
        if charged.map_err(|why| forbidden(info, object, &why))?.is_some() {
            names.push(Arc::from(found.name()));
        }
    }
    Ok(names)
}

/// A quota with the object charged to it.
///
/// # Errors
/// That there is no room after all.
pub(in super::super) fn charged(
    current: &Arc<Object>,
    object: &Object,
    old: Option<&Object>,
    unix_micros: i64,
) -> Result<Decision, Status> {
    let own = current.expect::<ResourceQuota>();
    let used = quota::check(own, object, old, unix_micros).map_err(|why| forbidden(object.info(), object, &why))?;
    let Some(used) = used else { return Ok(Decision::Keep(current.clone())) };
    let mut quota = own.clone();
    quota.status.get_or_insert_default().used = quota::write(&used);
    Ok(Decision::Put { object: Box::new(quota.into_object()), then_delete: false })
}
