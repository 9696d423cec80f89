//! `kubectl create poddisruptionbudget`, `priorityclass` and `quota`.

use serde_json::{Map, Value, json};

use crate::api::quantity::Quantity;
use crate::api::selectors;
use crate::sim::Gather;

use super::super::super::changes::{DRY_RUN, WRITE_FLAGS};
use super::super::super::errors::{Stop, fail};
use super::super::super::flags::{Args, Flag, Takes, flag};
use super::super::super::io::Io;
use super::super::super::printing::PRINT_FLAGS;
use super::super::{PLAIN, Verb};
use super::{generated, name_of};

const BUDGET_FLAGS: &[Flag] = &[
    flag("max-unavailable", Takes::Text, "The maximum number or percentage of unavailable pods this budget requires."),
    flag("min-available", Takes::Text, "The minimum number or percentage of available pods this budget requires."),
    flag(
        "selector",
        Takes::Text,
        "A label selector to use for this budget. Only equality-based selector requirements are supported.",
    ),
];
const PRIORITY_FLAGS: &[Flag] = &[
    flag(
        "description",
        Takes::Text,
        "description is an arbitrary string that usually provides guidelines on when this priority class should be used.",
    ),
    flag(
        "global-default",
        Takes::Bool,
        "global-default specifies whether this PriorityClass should be considered as the default priority.",
    ),
    flag("preemption-policy", Takes::Text, "preemption-policy is the policy for preempting pods with lower priority."),
    flag("value", Takes::Int, "the value of this priority class."),
];
const QUOTA_FLAGS: &[Flag] = &[
    flag("hard", Takes::Text, "A comma-delimited set of resource=quantity pairs that define a hard limit."),
    flag(
        "scopes",
        Takes::Text,
        "A comma-delimited set of quota scopes that must all match each object tracked by the quota.",
    ),
];

/// `create poddisruptionbudget`.
pub const BUDGET: Verb = Verb {
    name: "poddisruptionbudget",
    aliases: &["pdb"],
    short: "Create a pod disruption budget with the specified name",
    usage: "create poddisruptionbudget NAME --selector=SELECTOR --min-available=N [--dry-run=server|client|none] [options]",
    flags: &[BUDGET_FLAGS, PRINT_FLAGS, DRY_RUN, WRITE_FLAGS],
    run: budget,
    ..PLAIN
};
/// `create priorityclass`.
pub const PRIORITY_CLASS: Verb = Verb {
    name: "priorityclass",
    aliases: &["pc"],
    short: "Create a priority class with the specified name",
    usage: "create priorityclass NAME --value=VALUE --global-default=BOOL [--dry-run=server|client|none] [options]",
    flags: &[PRIORITY_FLAGS, PRINT_FLAGS, DRY_RUN, WRITE_FLAGS],
    run: priority_class,
    ..PLAIN
};
/// `create quota`.
pub const QUOTA: Verb = Verb {
    name: "quota",
    aliases: &["resourcequota"],
    short: "Create a quota with the specified name",
    usage: "create quota NAME [--hard=key1=value1,key2=value2] [--scopes=Scope1,Scope2] [--dry-run=server|client|none] [options]",
    flags: &[QUOTA_FLAGS, PRINT_FLAGS, DRY_RUN, WRITE_FLAGS],
    run: quota,
    ..PLAIN
};

/// A number or a percentage, as `intstr.Parse` reads it.
fn amount(flag: &str, text: &str) -> Result<Value, Stop> {
    if let Ok(number) = text.parse::<i32>() {
        return Ok(json!(number));
    }
    let percent = text.strip_suffix('%').is_some_and(|digits| digits.parse::<u32>().is_ok());
    if percent { Ok(json!(text)) } else { fail(format!("invalid format specified for {flag}")) }
}

fn budget(io: &mut Io<'_, '_>, args: &Args) -> Result<i32, Stop> {
    let (name, _) = name_of(args)?;
    let (least, most) = (args.text_or_empty("min-available"), args.text_or_empty("max-unavailable"));
    let selector = args.text_or_empty("selector");
    if selector.is_empty() {
        return fail("a selector must be specified");
    }
    if least.is_empty() && most.is_empty() {
        return fail("one of min-available or max-unavailable must be specified");
    }
    if !least.is_empty() && !most.is_empty() {
        return fail("min-available and max-unavailable cannot be both specified");
    }
    let mut spec = Map::new();
    for (flag, field, text) in [("min-available", "minAvailable", least), ("max-unavailable", "maxUnavailable", most)] {
        if !text.is_empty() {
            spec.insert(field.to_owned(), amount(flag, text)?);
        }
    }
    let labels: Option<Map<String, Value>> = selector
        .split(',')
        .map(|pair| {
            let (key, value) = pair.split_once("==").or_else(|| pair.split_once('='))?;
            Some((key.trim().to_owned(), json!(value.trim())))
        })
        .collect::<Option<Vec<_>>>()
        .map(|labels| labels.into_iter().gather());
    match (labels, selectors::LabelSelector::parse(selector)) {
        (Some(labels), Ok(_)) => spec.insert("selector".to_owned(), json!({"matchLabels": labels})),
        (_, Err(why)) => return fail(why.to_string()),
        (None, _) => return fail(format!("couldn't parse the selector string \"{selector}\"")),
    };
    let object = json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": {"creationTimestamp": null, "name": name}, "spec": spec,
        "status": {"currentHealthy": 0, "desiredHealthy": 0, "disruptionsAllowed": 0, "expectedPods": 0},
    });
    generated(io, args, "poddisruptionbudgets", &name, object)
}

fn priority_class(io: &mut Io<'_, '_>, args: &Args) -> Result<i32, Stop> {
    let (name, _) = name_of(args)?;
    let policy = args.text("preemption-policy").filter(|policy| !policy.is_empty()).unwrap_or("PreemptLowerPriority");
    let mut object = json!({
        "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass",
        "metadata": {"creationTimestamp": null, "name": name}, "value": args.int("value").unwrap_or(0),
        "preemptionPolicy": policy,
    });
    if args.is("global-default") {
        object["globalDefault"] = json!(true);
    }
    if let Some(text) = args.text("description").filter(|text| !text.is_empty()) {
        object["description"] = json!(text);
    }
    generated(io, args, "priorityclasses", &name, object)
}

fn quota(io: &mut Io<'_, '_>, args: &Args) -> Result<i32, Stop> {
    let (name, _) = name_of(args)?;
    let mut hard = Map::new();
    for pair in args.text_or_empty("hard").split(',').filter(|pair| !pair.is_empty()) {
        let Some((resource, text)) = pair.split_once('=').filter(|(_, text)| !text.contains('=')) else {
            return fail(format!("Invalid argument syntax {pair}, expected <resource>=<value>"));
        };
        match Quantity::parse(text) {
            Ok(quantity) => hard.insert(resource.to_owned(), json!(quantity.to_string())),
            Err(why) => return fail(why.to_string()),
        };
    }
    let mut spec = Map::new();
    if !hard.is_empty() {
        spec.insert("hard".to_owned(), Value::Object(hard));
    }
    let scopes = args.text_or_empty("scopes");
    if !scopes.is_empty() {
        spec.insert("scopes".to_owned(), json!(scopes.split(',').collect::<Vec<_>>()));
    }
    let object = json!({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"creationTimestamp": null, "name": name},
        "spec": spec, "status": {},
    });
    generated(io, args, "resourcequotas", &name, object)
}
