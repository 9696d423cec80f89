//! Binds pods by the API server's binding subresource. Mirrors plugins/defaultbinder.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Binding, ObjectReference};

use crate::api::{Body, Kind, Method, ObjectMeta, Request, Typed};

use super::super::framework::{Plugin, Point};
use super::super::pod_info::PodInfo;

/// The plugin's name.
pub const NAME: &str = "DefaultBinder";

/// The plugin.
#[derive(Clone, Copy, Debug)]
pub struct DefaultBinder;

impl Plugin for DefaultBinder {
    fn name(&self) -> &'static str {
        NAME
    }

    fn points(&self) -> &'static [Point] {
        &[Point::Bind]
    }

    fn bind(&self, pod: &PodInfo, node: &str) -> Option<Request> {
        let (namespace, name) = (&*pod.key.namespace, &*pod.key.name);
        let binding = Binding {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                namespace: Some(namespace.to_owned()),
                uid: Some(pod.uid.to_string()),
                ..ObjectMeta::default()
            },
            target: ObjectReference {
                kind: Some("Node".to_owned()),
                name: Some(node.to_owned()),
                ..ObjectReference::default()
            },
        };
        let path = format!("{}/binding", Kind::Pod.info().path(namespace, name));
        Some(Request::new(Method::Post, path).body(Body::Object(Arc::new(binding.into_object()))))
    }
}
