//! Where two descriptions part.

use gauntlet_api::v1 as pb;
use prost_reflect::{DynamicMessage, FieldDescriptor, ReflectMessage as _, Value};

use crate::{
    schema::{self, DURATION, SPEC},
    write,
};

/// The longest value that is told whole, in characters.
const LONGEST: usize = 60;

/// The first field in which two descriptions differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The field, like `operations[1].weight`.
    pub field: String,
    /// What the one and the other say, as a file would, "nothing" where one does
    /// not say; `None` when that takes more than some words.
    pub values: Option<(String, String)>,
}

/// The first difference between two descriptions, in the order of a file;
/// `None` when there is none. What a description leaves out is not filled in.
#[must_use]
pub fn difference(one: &pb::TemplateSpec, other: &pb::TemplateSpec) -> Option<Difference> {
    let message = |spec: &pb::TemplateSpec| {
        let mut message = DynamicMessage::new(SPEC.clone());
        message
            .transcode_from(spec)
            .expect("both follow the same schema");
        message
    };
    messages("", &message(one), &message(other))
}

fn messages(path: &str, one: &DynamicMessage, other: &DynamicMessage) -> Option<Difference> {
    let fields = schema::in_order(&one.descriptor()).into_iter();
    let mut differences = fields.filter_map(|field| {
        let path = match path {
            "" => field.name().to_owned(),
            path => format!("{path}.{}", field.name()),
        };
        let value = |message: &DynamicMessage| {
            let value = message.has_field(&field).then(|| message.get_field(&field));
            value.map(std::borrow::Cow::into_owned)
        };
        match (value(one), value(other)) {
            (None, None) => None,
            (Some(one), Some(other)) => values(&path, &field, &one, &other),
            (one, other) => Some(told(path, &field, one.as_ref(), other.as_ref())),
        }
    });
    differences.next()
}

fn values(path: &str, field: &FieldDescriptor, one: &Value, other: &Value) -> Option<Difference> {
    if one == other {
        return None;
    }
    match (one, other) {
        (Value::Message(inner), Value::Message(other))
            if inner.descriptor().full_name() != DURATION =>
        {
            messages(path, inner, other)
        }
        (Value::List(items), Value::List(others)) => {
            let mut pairs = items.iter().zip(others).enumerate();
            let within = pairs.find_map(|(index, (one, other))| {
                values(&format!("{path}[{index}]"), field, one, other)
            });
            within.or_else(|| {
                let count = |items: &[Value]| format!("{} long", items.len());
                Some(Difference {
                    field: path.to_owned(),
                    values: Some((count(items), count(others))),
                })
            })
        }
        (one, other) => Some(told(path.to_owned(), field, Some(one), Some(other))),
    }
}

fn told(
    path: String,
    field: &FieldDescriptor,
    one: Option<&Value>,
    other: Option<&Value>,
) -> Difference {
    let text = |value: Option<&Value>| match value {
        None => Some("nothing".to_owned()),
        Some(value) => write::line(field, value).filter(|text| text.chars().count() <= LONGEST),
    };
    Difference {
        field: path,
        values: text(one).zip(text(other)),
    }
}
