//! JSONPath templates: `{range .items[*]}{.metadata.name}{"\n"}{end}`.
//!
//! Mirrors k8s.io/client-go/util/jsonpath. Leaves out: escapes of Go strings beyond the usual ones.

mod parser;

use serde_json::Value;

use parser::Parser;

use crate::api::decode::json_writer::Json;

/// A parsed template.
#[derive(Clone, Debug, PartialEq)]
pub struct Template(Vec<Node>);

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Text(String),
    /// `{.a.b}`: a path, by steps.
    Path(Vec<Step>),
    Range(Vec<Step>, Vec<Node>),
}

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Field(String),
    Wildcard,
    Recursive,
    Slice(Option<i64>, Option<i64>, i64),
    Index(i64),
    Union(Vec<Vec<Step>>),
    Filter(Operand, Option<(String, Operand)>),
}

#[derive(Clone, Debug, PartialEq)]
enum Operand {
    Path(Vec<Step>),
    Literal(Value),
}

/// Parses a template.
///
/// # Errors
/// `unclosed action` and the like, as client-go words them.
pub fn parse(text: &str) -> Result<Template, String> {
    let (nodes, ended) = Parser::new(text).nodes(false)?;
    if ended {
        return Err("not in range, nothing to end".to_owned());
    }
    Ok(Template(nodes))
}

/// Accepts `metadata.name`, `.metadata.name` and `{.metadata.name}` alike: `RelaxedJSONPathExpression`.
///
/// # Errors
/// Where it is none of them.
pub fn relaxed(path: &str) -> Result<String, String> {
    let mut inner = path;
    if let Some(rest) = path.strip_prefix('{') {
        inner = rest.strip_suffix('}').ok_or_else(|| {
            "unexpected path string, expected a 'name1.name2' or '.name1.name2' or '{name1.name2}' or '{.name1.name2}'".to_owned()
        })?;
    }
    let inner = inner.strip_prefix('.').unwrap_or(inner);
    Ok(format!("{{.{inner}}}"))
}

impl Template {
    /// The template's text for `value`. Missing fields are empty.
    ///
    /// # Errors
    /// An index out of bounds.
    pub fn print(&self, value: &Value) -> Result<String, String> {
        let mut out = String::new();
        run(&self.0, value, &mut out)?;
        Ok(out)
    }

    /// What the template's first path finds.
    ///
    /// # Errors
    /// An index out of bounds.
    pub fn find<'v>(&self, value: &'v Value) -> Result<Vec<&'v Value>, String> {
        for node in &self.0 {
            if let Node::Path(steps) = node {
                return follow(steps, value);
            }
        }
        Ok(Vec::new())
    }

    /// All that the template's paths find.
    ///
    /// # Errors
    /// An index out of bounds.
    pub fn find_all<'v>(&self, value: &'v Value) -> Result<Vec<&'v Value>, String> {
        let mut found = Vec::new();
        for node in &self.0 {
            if let Node::Path(steps) = node {
                found.extend(follow(steps, value)?);
            }
        }
        Ok(found)
    }
}

fn run(nodes: &[Node], value: &Value, out: &mut String) -> Result<(), String> {
    for node in nodes {
        match node {
            Node::Text(text) => out.push_str(text),
            Node::Path(steps) => {
                let found = follow(steps, value)?;
                let texts: Vec<String> = found.into_iter().map(text).collect();
                out.push_str(&texts.join(" "));
            }
            Node::Range(steps, body) => {
                for item in follow(steps, value)? {
                    // A range over a list that was not taken apart goes over its items.
                    match item {
                        Value::Array(items) => items.iter().try_for_each(|item| run(body, item, out))?,
                        other => run(body, other, out)?,
                    }
                }
            }
        }
    }
    Ok(())
}

/// A value as templates print it: text plainly, maps and lists as JSON.
pub fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.json(),
    }
}

fn follow<'v>(steps: &[Step], value: &'v Value) -> Result<Vec<&'v Value>, String> {
    let mut found = vec![value];
    for step in steps {
        let mut next = Vec::new();
        for value in found {
            take(step, value, &mut next)?;
        }
        found = next;
    }
    Ok(found)
}

fn take<'v>(step: &Step, value: &'v Value, out: &mut Vec<&'v Value>) -> Result<(), String> {
    match step {
        Step::Field(name) => out.extend(value.get(name)),
        Step::Wildcard => match value {
            Value::Array(items) => out.extend(items),
            Value::Object(fields) => out.extend(fields.values()),
            _ => {}
        },
        Step::Recursive => everything(value, out),
        Step::Index(index) => {
            let Some(items) = value.as_array() else { return Ok(()) };
            let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
            let place = if *index < 0 { index + length } else { *index };
            match usize::try_from(place).ok().and_then(|place| items.get(place)) {
                Some(item) => out.push(item),
                None => return Err(format!("array index out of bounds: index {index}, length {length}")),
            }
        }
        Step::Slice(from, to, step) => {
            let Some(items) = value.as_array() else { return Ok(()) };
            let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
            let bound = |at: i64| if at < 0 { at + length } else { at }.clamp(0, length);
            let (from, to) = (bound(from.unwrap_or(0)), bound(to.unwrap_or(length)));
            let mut at = from;
            while at < to && *step > 0 {
                out.extend(usize::try_from(at).ok().and_then(|at| items.get(at)));
                at += step;
            }
        }
        Step::Union(paths) => {
            for path in paths {
                out.extend(follow(path, value)?);
            }
        }
        Step::Filter(left, right) => {
            let items: Vec<&Value> = match value {
                Value::Array(items) => items.iter().collect(),
                other => vec![other],
            };
            for item in items {
                if fits(left, right.as_ref(), item)? {
                    out.push(item);
                }
            }
        }
    }
    Ok(())
}

fn everything<'v>(value: &'v Value, out: &mut Vec<&'v Value>) {
    out.push(value);
    match value {
        Value::Array(items) => items.iter().for_each(|item| everything(item, out)),
        Value::Object(fields) => fields.values().for_each(|field| everything(field, out)),
        _ => {}
    }
}

fn fits(left: &Operand, right: Option<&(String, Operand)>, item: &Value) -> Result<bool, String> {
    let side = |operand: &Operand| -> Result<Option<Value>, String> {
        Ok(match operand {
            Operand::Literal(value) => Some(value.clone()),
            Operand::Path(steps) => follow(steps, item)?.first().map(|value| (*value).clone()),
        })
    };
    let (Some(left), Some((operator, right))) = (side(left)?, right) else {
        return Ok(side(left)?.is_some() && right.is_none());
    };
    let Some(right) = side(right)? else { return Ok(false) };
    let order = super::sorting::compare(&left, &right);
    Ok(match operator.as_str() {
        "==" => left == right,
        "!=" => left != right,
        "<" => order.is_lt(),
        ">" => order.is_gt(),
        "<=" => order.is_le(),
        ">=" => order.is_ge(),
        other => return Err(format!("unrecognized filter operator {other}")),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::parse;

    #[track_caller]
    fn check(template: &str, expected: &str) {
        let value = json!({"items": [
            {"metadata": {"name": "a", "labels": {"app.kubernetes.io/name": "x"}}, "n": 1, "ready": true},
            {"metadata": {"name": "b"}, "n": 2, "ready": false},
        ]});
        assert_eq!(parse(template).and_then(|template| template.print(&value)).as_deref(), Ok(expected), "{template}");
    }

    #[test]
    fn templates_print_what_client_go_prints() {
        check("{.items[*].metadata.name}", "a b");
        check("{.items[0].metadata.name}{'-'}{.items[-1].n}", "a-2");
        check("{range .items[*]}{.metadata.name}{\"\\n\"}{end}", "a\nb\n");
        check("{.items[?(@.metadata.name==\"b\")].n}", "2");
        check("{.items[?(@.n>=2)].metadata.name}", "b");
        check("{.items[?(@.ready==true)].metadata.name}", "a");
        check("{..name}", "a b");
        check("{.items[0].metadata.labels.app\\.kubernetes\\.io/name}", "x");
        check("{.items[0].metadata['name']}", "a");
        check("{.items[0:1].n} {.nope}", "1 ");
        check("{.items[0].metadata}", r#"{"labels":{"app.kubernetes.io/name":"x"},"name":"a"}"#);
        assert_eq!(parse("{").err().as_deref(), Some("unclosed action"));
    }
}
