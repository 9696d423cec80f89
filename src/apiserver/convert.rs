//! Conversion between the kinds that share a storage: events of the core group and of events.k8s.io.

use std::sync::Arc;

use crate::api::events_conversion::convert;
use crate::api::{Kind, Object};

/// An object as `kind` shows it; shared where that is what it is.
pub fn served(kind: Kind, object: &Arc<Object>) -> Arc<Object> {
    if object.kind() == kind { object.clone() } else { Arc::new(convert(object, kind)) }
}

/// An object as it is stored.
pub fn stored(object: Object) -> Object {
    let kind = object.info().stored_as;
    if object.kind() == kind { object } else { convert(&object, kind) }
}
