//! `kubectl get`.
//!
//! Mirrors k8s.io/kubectl/pkg/cmd/get. Leaves out: `--raw`, `--subresource`, go-template.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::api::http::{Method, WatchType};
use crate::api::{Request, duration, time};

use super::super::builder::{
    CHUNK, Choice, FILE_FLAGS, Info, SELECT_FLAGS, Target, body_value, infos, list_request, searched, targets, text_at,
    value,
};
use super::super::discovery::Resource;
use super::super::errors::{Failure, Stop, attempt, fail};
use super::super::flags::{Args, Flag, Takes, flag, short};
use super::super::io::{Event, Io, as_table};
use super::super::manifest;
use super::super::printing::sorting;
use super::super::printing::table::{Table, TableOptions};
use super::super::printing::tabwriter::{TABLE, align};
use super::super::printing::{Output, PRINT_FLAGS, print_objects};
use super::{PLAIN, Verb};

const FLAGS: &[Flag] = &[
    flag("chunk-size", Takes::Int, "Return large lists in chunks rather than all at once. Pass 0 to disable."),
    flag(
        "ignore-not-found",
        Takes::Bool,
        "If the requested object does not exist the command will return exit code 0.",
    ),
    short(
        "label-columns",
        'L',
        Takes::Slice,
        "Accepts a comma separated list of labels that are going to be presented as columns.",
    ),
    flag("no-headers", Takes::Bool, "When using the default or custom-column output format, don't print headers."),
    flag("output-watch-events", Takes::Bool, "Output watch event objects when --watch or --watch-only is used."),
    flag("server-print", Takes::Bool, "If true, have the server return the appropriate table output."),
    flag("show-kind", Takes::Bool, "If present, list the resource type for the requested object(s)."),
    flag("show-labels", Takes::Bool, "When printing, show all labels as the last column"),
    flag("sort-by", Takes::Text, "If non-empty, sort list types using this field specification."),
    short("watch", 'w', Takes::Bool, "After listing/getting the requested object, watch for changes."),
    flag("watch-only", Takes::Bool, "Watch for changes to the requested object(s), without listing/getting first."),
];

/// The registry's entry.
pub const VERB: Verb = Verb {
    name: "get",
    short: "Display one or many resources",
    usage: "get [(-o|--output=)json|yaml|name|wide|jsonpath=...|custom-columns=...] (TYPE[.VERSION][.GROUP] [NAME | -l label] | TYPE[.VERSION][.GROUP]/NAME ...) [flags] [options]",
    flags: &[FLAGS, FILE_FLAGS, SELECT_FLAGS, PRINT_FLAGS],
    run,
    ..PLAIN
};

fn run(io: &mut Io<'_, '_>, args: &Args) -> Result<i32, Stop> {
    if args.args.is_empty() && args.list("filename").is_empty() {
        io.err(
            "You must specify the type of resource to get. Use \"kubectl api-resources\" for a complete list of supported resources.\n\n",
        );
        return args.usage(
            "Required resource not specified.\nUse \"kubectl explain <resource>\" for a detailed description of that resource (e.g. kubectl explain pods).",
        );
    }
    let output = Output::of(args, true)?;
    let watching = args.is("watch") || args.is("watch-only");
    if args.is("output-watch-events") && !watching {
        return args.usage("--output-watch-events option can only be used with --watch or --watch-only");
    }
    let targets = chosen(io, args)?;
    if watching {
        return watch(io, args, &output, &targets);
    }
    if output.is_default() { tables(io, args, &output, &targets) } else { objects(io, args, &output, &targets) }
}

fn chosen(io: &mut Io<'_, '_>, args: &Args) -> Result<Vec<Target>, Stop> {
    if args.list("filename").is_empty() {
        return targets(io, args, &args.args, Choice { all: true, lazy: true });
    }
    let documents = manifest::documents(io, args)?;
    let visited = manifest::visit(io, args, &documents)?;
    if let Some(failure) = visited.failures.into_iter().next() {
        return Err(failure.into());
    }
    let named = visited.found.into_iter().map(|found| Target::Named {
        resource: found.info.resource,
        namespace: found.info.namespace,
        name: found.info.name,
    });
    Ok(named.collect())
}

fn options(args: &Args, output: &Output, resource: &Resource, with_kind: bool) -> TableOptions {
    TableOptions {
        no_headers: args.is("no-headers"),
        wide: matches!(output, Output::Wide),
        with_namespace: args.is("all-namespaces") && resource.namespaced,
        with_kind: (with_kind || args.is("show-kind")).then(|| resource.kind_name()),
        label_columns: args.list("label-columns").to_vec(),
        show_labels: args.is("show-labels"),
    }
}

/// Asks for the table of a target, page by page.
fn fetch(io: &mut Io<'_, '_>, args: &Args, target: &Target) -> Result<(Table, String), Stop> {
    let now = io.now();
    let sorted = args.changed("sort-by");
    let finish = |request: Request| as_table(if sorted { request.with("includeObject", "Object") } else { request });
    match target {
        Target::Named { resource, namespace, name } => {
            let path = resource.path(namespace, name);
            let response = io.ask(|| finish(Request::new(Method::Get, path.as_str())))?;
            let value = value(&response);
            Ok((read_table(&value, now), version(&value)))
        }
        Target::Selected { resource, namespace } => {
            let mut whole: Option<(Table, String)> = None;
            let mut token = String::new();
            loop {
                let asked = io.ask(|| {
                    let request = finish(list_request(args, resource, namespace));
                    let request = match args.text("chunk-size").unwrap_or(CHUNK) {
                        "0" => request,
                        size => request.with("limit", size),
                    };
                    if token.is_empty() { request } else { request.with("continue", token.as_str()) }
                });
                let response = attempt(asked)?.map_err(|failure| searched(args, resource, failure))?;
                let value = value(&response);
                token = text_at(&value, "/metadata/continue").to_owned();
                let page = read_table(&value, now);
                match &mut whole {
                    None => whole = Some((page, version(&value))),
                    Some((table, _)) => table.rows.extend(page.rows),
                }
                if let Some(whole) = whole.take_if(|_| token.is_empty()) {
                    return Ok(whole);
                }
            }
        }
    }
}

fn version(value: &Value) -> String {
    text_at(value, "/metadata/resourceVersion").to_owned()
}

fn read_table(value: &Arc<Value>, now: i64) -> Table {
    Table::read(value, |object| age(object, now))
}

/// The age of an object at `now`.
fn age(object: &Value, now: i64) -> String {
    let created = text_at(object, "/metadata/creationTimestamp");
    match time::parse(created) {
        Some(created) => duration::human(now - created.as_microsecond()),
        None => "<unknown>".to_owned(),
    }
}

fn tables(io: &mut Io<'_, '_>, args: &Args, output: &Output, targets: &[Target]) -> Result<i32, Stop> {
    let mut found = Vec::new();
    let mut failures: Vec<Failure> = Vec::new();
    for target in targets {
        match attempt(fetch(io, args, target))? {
            Ok((table, _)) => found.push((target.resource().clone(), table)),
            Err(failure) if failure.is_not_found() && args.is("ignore-not-found") => {}
            Err(failure) => failures.push(failure),
        }
    }
    if let Some(path) = args.text("sort-by").filter(|path| !path.is_empty()) {
        found = sorting::sort_tables(found, path)?;
    }
    let several = targets.iter().any(|target| target.resource() != targets[0].resource());
    let mut text = String::new();
    let mut start = 0;
    while start < found.len() {
        let resource = &found[start].0;
        let end = (start..found.len()).find(|index| found[*index].0 != *resource).unwrap_or(found.len());
        let options = options(args, output, resource, several);
        let mut group = String::new();
        for (_, table) in &found[start..end] {
            if group.is_empty() && !table.rows.is_empty() && !options.no_headers {
                group.push_str(&table.header(&options));
            }
            group.extend(table.rows.iter().map(|row| table.line(row, &options)));
        }
        if !group.is_empty() && !text.is_empty() && !options.no_headers {
            text.push('\n');
        }
        text.push_str(&align(&group, TABLE, None));
        start = end;
    }
    let empty = text.is_empty();
    io.out(text);
    if !failures.is_empty() {
        return Err(Failure::Many(failures).into());
    }
    if empty && !args.is("ignore-not-found") {
        nothing_found(io, args, targets);
    }
    Ok(0)
}

fn nothing_found(io: &mut Io<'_, '_>, args: &Args, targets: &[Target]) {
    if !args.is("all-namespaces") && targets.iter().all(|target| target.resource().namespaced) {
        io.err(format!("No resources found in {} namespace.\n", args.namespace()));
    } else {
        io.err("No resources found\n");
    }
}

fn objects(io: &mut Io<'_, '_>, args: &Args, output: &Output, targets: &[Target]) -> Result<i32, Stop> {
    let single = matches!(targets, [Target::Named { .. }]);
    let (mut found, mut failures): (Vec<Info>, Vec<Failure>) =
        infos(io, args, &args.args, Choice { all: true, lazy: false })?;
    if args.is("ignore-not-found") {
        failures.retain(|failure| !failure.is_not_found());
    }
    if (single && !failures.is_empty()) || (found.is_empty() && args.is("ignore-not-found")) {
        return if failures.is_empty() { Ok(0) } else { Err(Failure::Many(failures).into()) };
    }
    if let Some(path) = args.text("sort-by").filter(|path| !path.is_empty()) {
        sorting::sort_infos(&mut found, path)?;
    }
    let value = match (single, found.as_slice()) {
        (true, [one]) => one.value.clone(),
        _ => {
            let items: Vec<&Value> = found.iter().map(|info| &*info.value).collect();
            Arc::new(json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": items}))
        }
    };
    print_objects(io, args, output, &value)?;
    if failures.is_empty() { Ok(0) } else { Err(Failure::Many(failures).into()) }
}

/// What a watch remembers from one event to the next.
#[derive(Clone, Debug, Default)]
struct Shown {
    headers: bool,
    columns: Vec<super::super::printing::table::Column>,
    widths: Vec<usize>,
    objects: usize,
}

fn watch(io: &mut Io<'_, '_>, args: &Args, output: &Output, targets: &[Target]) -> Result<i32, Stop> {
    let [target] = targets else {
        return fail(
            "watch is only supported on individual resources and resource collections - more than 1 resource was found",
        );
    };
    let mut shown = Shown::default();
    let (table, version) = fetch(io, args, target)?;
    if !args.is("watch-only") {
        if output.is_default() {
            show(io, args, output, target, &mut shown, table, Some("ADDED"));
        } else {
            let (found, _) = infos(io, args, &args.args, Choice { all: true, lazy: false })?;
            for info in found {
                show_object(io, args, output, &mut shown, &info.value, "ADDED")?;
            }
        }
    }
    let stream = io.open(|| watch_request(args, output, target, &version))?;
    let mut shown = io.enter(shown);
    loop {
        let now = io.now();
        match io.next_event(&[stream], None)?.1 {
            Event::Watch(event) if event.type_ == WatchType::Bookmark => {}
            Event::Watch(event) if event.type_ == WatchType::Error => {
                let value = body_value(&event.body);
                return fail(text_at(&value, "/message").to_owned());
            }
            Event::Watch(event) => {
                let value = body_value(&event.body);
                if output.is_default() {
                    let table = read_table(&value, now);
                    show(io, args, output, target, &mut shown, table, Some(event.type_.as_str()));
                } else {
                    show_object(io, args, output, &mut shown, &value, event.type_.as_str())?;
                }
            }
            Event::Chunk(_) | Event::Deadline => {}
            // `UntilWithoutRetry` ends with the stream, and `get` with it.
            Event::End | Event::Lost(_) => return Ok(0),
        }
        io.save(&shown);
    }
}

fn watch_request(args: &Args, output: &Output, target: &Target, version: &str) -> Request {
    let request = match target {
        Target::Named { resource, namespace, name } => {
            list_request(args, resource, namespace).with("fieldSelector", format!("metadata.name={name}"))
        }
        Target::Selected { resource, namespace } => list_request(args, resource, namespace),
    };
    let request = request.with("resourceVersion", version).with("watch", "true");
    if output.is_default() { as_table(request) } else { request }
}

fn show(
    io: &mut Io<'_, '_>,
    args: &Args,
    output: &Output,
    target: &Target,
    shown: &mut Shown,
    mut table: Table,
    event: Option<&str>,
) {
    if table.columns.is_empty() {
        table.columns.clone_from(&shown.columns);
    }
    let options = options(args, output, target.resource(), false);
    let event = event.filter(|_| args.is("output-watch-events"));
    let mut text = String::new();
    if !table.rows.is_empty() && !shown.headers && !options.no_headers {
        if event.is_some() {
            text.push_str("EVENT\t");
        }
        text.push_str(&table.header(&options));
        shown.headers = true;
    }
    for row in &table.rows {
        if let Some(event) = event {
            text.push_str(event);
            text.push('\t');
        }
        text.push_str(&table.line(row, &options));
    }
    shown.columns = table.columns;
    let text = align(&text, TABLE, Some(&mut shown.widths));
    io.out(text);
}

fn show_object(
    io: &mut Io<'_, '_>,
    args: &Args,
    output: &Output,
    shown: &mut Shown,
    value: &Arc<Value>,
    event: &str,
) -> Result<(), Stop> {
    if matches!(output, Output::Yaml) && shown.objects > 0 {
        io.out("---\n");
    }
    shown.objects += 1;
    if args.is("output-watch-events") {
        return print_objects(io, args, output, &Arc::new(json!({"type": event, "object": &**value})));
    }
    print_objects(io, args, output, value)
}
