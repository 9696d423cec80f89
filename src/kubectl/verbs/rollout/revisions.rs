//! The ControllerRevisions of a DaemonSet or StatefulSet: showing them, and going back to one.
//!
//! Mirrors `DaemonSetHistoryViewer`, `StatefulSetHistoryViewer` and the rollbackers of polymorphichelpers.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{ControllerRevision, StatefulSet};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use serde_json::{Value, json};

use crate::api::http::{Method, content_type};
use crate::api::{Kind, Object, Request, selectors};
use crate::sim::persistent::OrdMap;

use super::super::super::builder::{Info, objects};
use super::super::super::changes::{DryRun, patch_request};
use super::super::super::describe::template_text;
use super::super::super::errors::{Failure, Stop, attempt, fail};
use super::super::super::flags::Args;
use super::super::super::io::Io;
use super::super::super::printing::tabwriter::{DESCRIBE, align};
use super::super::super::printing::{Output, print_objects};
use super::CHANGE_CAUSE;

/// Whether the kind keeps its history in ControllerRevisions.
pub fn is_kept_in_revisions(kind: &str) -> bool {
    matches!(kind, "DaemonSet" | "StatefulSet")
}

/// The set as it is now, and its revisions by number.
fn all(io: &mut Io<'_, '_>, info: &Info) -> Result<(Arc<Object>, OrdMap<i64, Arc<Object>>), Stop> {
    let path = info.path();
    let response = io.ask(|| Request::new(Method::Get, path.as_str()))?;
    let Some(set) = response.object().cloned() else {
        return fail(format!("no history viewer has been implemented for {}", info.resource.kind));
    };
    let selector = match &*set {
        Object::DaemonSet(own) => own.spec.as_ref().map(|spec| selectors::format_meta(Some(&spec.selector))),
        Object::StatefulSet(own) => own.spec.as_ref().map(|spec| selectors::format_meta(Some(&spec.selector))),
        _ => None,
    };
    let path = format!("/apis/apps/v1/namespaces/{}/controllerrevisions", info.namespace);
    let response =
        io.ask(|| Request::new(Method::Get, path.as_str()).with("labelSelector", selector.unwrap_or_default()))?;
    let mut revisions = OrdMap::new();
    for object in objects(&response) {
        let owners = object.meta().owner_references.iter().flatten();
        let owned = owners.into_iter().any(|owner| owner.controller == Some(true) && owner.uid == set.uid());
        let number = object.get::<ControllerRevision>().map(|revision| revision.revision);
        if let (true, Some(number)) = (owned, number) {
            revisions.insert(number, object);
        }
    }
    Ok((set, revisions))
}

fn data(revision: &Object) -> Value {
    let revision = revision.get::<ControllerRevision>();
    revision.and_then(|revision| revision.data.as_ref()).map_or(Value::Null, |data| data.0.clone())
}

/// The template that a revision brings back.
fn template(revision: &Object) -> Option<PodTemplateSpec> {
    let mut template = data(revision).pointer("/spec/template")?.clone();
    template.as_object_mut()?.remove("$patch");
    // By way of a set: a decoder of its own would cost the page tens of KiB.
    let set = Object::from_value(Kind::StatefulSet, &json!({ "spec": { "template": template } }), &mut |_| {});
    set.ok()?.get::<StatefulSet>()?.spec.as_ref().map(|spec| spec.template.clone())
}

/// `rollout history` of a set.
///
/// # Errors
/// Those of its requests; there is no such revision.
pub fn show(io: &mut Io<'_, '_>, args: &Args, info: &Info, revision: i64) -> Result<(), Stop> {
    let (_, revisions) = all(io, info)?;
    let output = Output::of(args, false)?;
    if !output.is_default() {
        let chosen = if revision > 0 { revisions.get(&revision) } else { revisions.values().next_back() };
        let Some(chosen) = chosen else { return fail("unable to find the specified revision") };
        return print_objects(io, args, &output, &Arc::new(chosen.to_value()));
    }
    let mut with = String::new();
    let text = if revisions.is_empty() {
        "No rollout history found.".to_owned()
    } else if revision > 0 {
        with = format!("with revision #{revision}");
        let Some(chosen) = revisions.get(&revision) else { return fail("unable to find the specified revision") };
        template_text(template(chosen).as_ref())
    } else {
        let mut text = "REVISION\tCHANGE-CAUSE\n".to_owned();
        for (number, revision) in &revisions {
            let cause = revision.meta().annotations.as_ref().and_then(|all| all.get(CHANGE_CAUSE));
            text.push_str(&format!("{number}\t{}\n", cause.map_or("<none>", String::as_str)));
        }
        align(&text, DESCRIBE, None)
    };
    io.out(format!("{} {with}\n{text}\n", info.label()));
    Ok(())
}

/// `rollout undo` of a set: what became of it.
///
/// # Errors
/// Those of its requests; there is nothing to go back to.
pub fn roll_back(io: &mut Io<'_, '_>, args: &Args, dry: DryRun, info: &Info, revision: i64) -> Result<String, Stop> {
    let not_found = || format!("unable to find specified revision {revision} in history");
    if revision < 0 {
        return fail(not_found());
    }
    let (set, revisions) = all(io, info)?;
    if revision == 0 && revisions.len() <= 1 {
        return fail("no last revision to roll back to");
    }
    let chosen = if revision == 0 { revisions.values().nth_back(1) } else { revisions.get(&revision) };
    let Some(chosen) = chosen else { return fail(not_found()) };
    let wanted = template(chosen);
    if dry.client {
        return Ok(template_text(wanted.as_ref()));
    }
    let now = match &*set {
        Object::DaemonSet(own) => own.spec.as_ref().map(|spec| &spec.template),
        Object::StatefulSet(own) => own.spec.as_ref().map(|spec| &spec.template),
        _ => None,
    };
    if now == wanted.as_ref() {
        return Ok(format!("skipped rollback (current template already matches revision {revision})"));
    }
    let (path, patch) = (info.path(), data(chosen));
    let sent = io.ask(|| patch_request(args, dry, "", &path, content_type::STRATEGIC_MERGE_PATCH, patch));
    match attempt(sent)? {
        Ok(_) => Ok("rolled back".to_owned()),
        Err(Failure::Text(why)) => fail(format!("failed restoring revision {revision}: {why}")),
        Err(other) => Err(other.into()),
    }
}
