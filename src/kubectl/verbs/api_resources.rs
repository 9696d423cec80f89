//! `kubectl api-resources`.
//!
//! Mirrors k8s.io/kubectl/pkg/cmd/apiresources.

use super::super::discovery::{Resource, discover};
use super::super::errors::{Stop, fail};
use super::super::flags::{Args, Flag, Takes, flag, short};
use super::super::io::Io;
use super::super::printing::tabwriter::{TABLE, align};
use super::{PLAIN, Verb};

use crate::sim::Order;

const FLAGS: &[Flag] = &[
    flag("api-group", Takes::Text, "Limit to resources in the specified API group."),
    flag("cached", Takes::Bool, "Use the cached list of resources if available."),
    flag("categories", Takes::Slice, "Limit to resources that belong to the specified categories."),
    flag(
        "namespaced",
        Takes::Bool,
        "If false, non-namespaced resources will be returned, otherwise returning namespaced resources by default.",
    ),
    flag("no-headers", Takes::Bool, "When using the default or custom-column output format, don't print headers."),
    short("output", 'o', Takes::Text, "Output format. One of: (wide, name)."),
    flag("sort-by", Takes::Text, "If non-empty, sort list of resources using specified field."),
    flag("verbs", Takes::Slice, "Limit to resources that support the specified verbs."),
];

/// The registry's entry.
pub const VERB: Verb = Verb {
    name: "api-resources",
    short: "Print the supported API resources on the server",
    usage: "api-resources [options]",
    flags: &[FLAGS],
    run,
    ..PLAIN
};

fn run(io: &mut Io<'_, '_>, args: &Args) -> Result<i32, Stop> {
    if let Some(word) = args.args.first() {
        return args.usage(format!("unexpected arguments: [{word}]"));
    }
    let output = args.text_or_empty("output");
    if !matches!(output, "" | "wide" | "name") {
        return fail(format!("--output {output} is not available"));
    }
    let discovery = discover(io)?;
    let shown = |resource: &&Resource| {
        !resource.verbs.is_empty()
            && (!args.changed("api-group") || resource.group == args.text_or_empty("api-group"))
            && (!args.changed("namespaced") || resource.namespaced == args.is("namespaced"))
            && args.list("verbs").iter().all(|verb| resource.verbs.contains(verb))
            && args.list("categories").iter().all(|category| resource.categories.contains(category))
    };
    let mut resources: Vec<&Resource> = discovery.resources.iter().map(|resource| &**resource).filter(shown).collect();
    match args.text_or_empty("sort-by") {
        "" => resources.order_by(|a, b| (&a.group, &a.plural).cmp(&(&b.group, &b.plural))),
        "name" => resources.order_by(|a, b| a.plural.cmp(&b.plural)),
        "kind" => resources.order_by(|a, b| a.kind.cmp(&b.kind)),
        _ => return fail("--sort-by accepts only name or kind"),
    }
    let mut text = String::new();
    if output == "name" {
        text.extend(resources.iter().map(|resource| resource.group_resource() + "\n"));
        io.out(text);
        return Ok(0);
    }
    let wide = output == "wide";
    if !args.is("no-headers") {
        text.push_str("NAME\tSHORTNAMES\tAPIVERSION\tNAMESPACED\tKIND");
        text.push_str(if wide { "\tVERBS\tCATEGORIES\n" } else { "\n" });
    }
    for resource in resources {
        let mut line = format!(
            "{}\t{}\t{}\t{}\t{}",
            resource.plural,
            resource.short_names.join(","),
            resource.api_version(),
            resource.namespaced,
            resource.kind
        );
        if wide {
            line.push_str(&format!("\t{}\t{}", resource.verbs.join(","), resource.categories.join(",")));
        }
        text.push_str(&line);
        text.push('\n');
    }
    io.out(align(&text, TABLE, None));
    Ok(0)
}
