//! Reads rules from the options of a descriptor.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use prost_reflect::{
    DescriptorPool, DynamicMessage, ExtensionDescriptor, FieldDescriptor, Kind, MessageDescriptor,
    ReflectMessage, Value,
};

/// A rule that is not known here, or makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UnknownRule(pub(crate) String);

/// The rules of one message.
#[derive(Debug)]
pub(crate) struct MessageRules {
    pub(crate) fields: Vec<FieldRules>,
    /// Groups of which one field must be set: the group's name, its fields.
    pub(crate) oneofs: Vec<(String, Vec<FieldDescriptor>)>,
}

/// The rules of one field.
#[derive(Debug)]
pub(crate) struct FieldRules {
    pub(crate) field: FieldDescriptor,
    pub(crate) required: bool,
    /// A zero value keeps no rule.
    pub(crate) ignore_zero: bool,
    pub(crate) whole: Vec<Rule>,
    /// For each entry of a list, each value of a map.
    pub(crate) items: Vec<Rule>,
    /// For each key of a map.
    pub(crate) keys: Vec<Rule>,
}

/// One rule of a value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Rule {
    Uuid,
    /// A DNS label; see [`NAME`].
    Name,
    /// One to three DNS labels; see [`PROJECT`].
    Project,
    MinBytes(u64),
    MaxBytes(u64),
    MinChars(u64),
    MaxChars(u64),
    Number(Bounds),
    Lasts {
        from: Option<Duration>,
        above: Option<Duration>,
        to: Option<Duration>,
    },
    Defined,
    NotZero,
    Items {
        least: u64,
        most: u64,
    },
    Unique,
    MaxPairs(u64),
}

/// The bounds of a number.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) at_least: Option<f64>,
    pub(crate) above: Option<f64>,
    pub(crate) at_most: Option<f64>,
    pub(crate) below: Option<f64>,
    /// Zero means that nothing was given.
    pub(crate) zero_is_absent: bool,
}

/// The pattern of a DNS label, as `model::id::Name` has it.
pub(crate) const NAME: &str = "^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$";
/// The pattern of a project, as `model::id::Project` has it.
pub(crate) const PROJECT: &str =
    "^[a-z]([a-z0-9-]{0,61}[a-z0-9])?(/[a-z]([a-z0-9-]{0,61}[a-z0-9])?){0,2}$";

impl MessageRules {
    pub(crate) fn read(message: &MessageDescriptor) -> Result<Self, UnknownRule> {
        let mut fields = Vec::new();
        for field in message.fields() {
            if let Some(options) = option(&field.options(), "buf.validate.field")? {
                fields.push(FieldRules::read(field, &options)?);
            }
        }
        let mut oneofs = Vec::new();
        for oneof in message.oneofs() {
            if let Some(options) = option(&oneof.options(), "buf.validate.oneof")? {
                for (rule, value) in set(&options) {
                    match (rule.as_str(), &value) {
                        ("required", Value::Bool(true)) => {
                            oneofs.push((oneof.name().to_owned(), oneof.fields().collect()));
                        }
                        _ => return Err(unknown(oneof.full_name(), &rule)),
                    }
                }
            }
        }
        if option(&message.options(), "buf.validate.message")?.is_some() {
            return Err(unknown(message.full_name(), "buf.validate.message"));
        }
        Ok(Self { fields, oneofs })
    }

    fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.oneofs.is_empty()
    }
}

impl FieldRules {
    fn read(field: FieldDescriptor, options: &DynamicMessage) -> Result<Self, UnknownRule> {
        let mut rules = Self {
            field,
            required: false,
            ignore_zero: false,
            whole: Vec::new(),
            items: Vec::new(),
            keys: Vec::new(),
        };
        let place = rules.field.full_name().to_owned();
        for (name, value) in set(options) {
            match (name.as_str(), &value) {
                ("required", Value::Bool(required)) => rules.required = *required,
                ("ignore", Value::EnumNumber(1)) => rules.ignore_zero = true,
                ("repeated", Value::Message(inner)) => rules.of_list(&place, inner)?,
                ("map", Value::Message(inner)) => rules.of_map(&place, inner)?,
                (kind, Value::Message(inner)) => {
                    rules.whole.extend(of_value(&place, kind, inner)?);
                    rules.note_what_zero_means(kind);
                }
                _ => return Err(unknown(&place, &name)),
            }
        }
        Ok(rules)
    }

    /// Zero of a count that is always there breaks no rule, and means that
    /// nothing was given.
    fn note_what_zero_means(&mut self, kind: &str) {
        let counts = matches!(kind, "uint32" | "uint64") && !self.field.supports_presence();
        for rule in &mut self.whole {
            if let Rule::Number(bounds) = rule {
                bounds.zero_is_absent = counts;
            }
        }
    }

    fn of_list(&mut self, place: &str, options: &DynamicMessage) -> Result<(), UnknownRule> {
        let (mut fewest, mut greatest) = (0, None);
        for (name, value) in set(options) {
            match (name.as_str(), &value) {
                ("min_items", Value::U64(least)) => fewest = *least,
                ("max_items", Value::U64(most)) => greatest = Some(*most),
                ("unique", Value::Bool(true)) => self.whole.push(Rule::Unique),
                ("items", Value::Message(inner)) => self.items = of_each(place, inner)?,
                _ => return Err(unknown(place, &name)),
            }
        }
        // A list without an end has no place in a request.
        let most = greatest.ok_or_else(|| unknown(place, "repeated without max_items"))?;
        let least = fewest;
        self.whole.insert(0, Rule::Items { least, most });
        Ok(())
    }

    fn of_map(&mut self, place: &str, options: &DynamicMessage) -> Result<(), UnknownRule> {
        for (name, value) in set(options) {
            match (name.as_str(), &value) {
                ("max_pairs", Value::U64(most)) => self.whole.push(Rule::MaxPairs(*most)),
                ("keys", Value::Message(inner)) => self.keys = of_each(place, inner)?,
                ("values", Value::Message(inner)) => self.items = of_each(place, inner)?,
                _ => return Err(unknown(place, &name)),
            }
        }
        Ok(())
    }
}

/// The rules of each entry.
fn of_each(place: &str, options: &DynamicMessage) -> Result<Vec<Rule>, UnknownRule> {
    let mut rules = Vec::new();
    for (kind, value) in set(options) {
        match &value {
            Value::Message(inner) => rules.extend(of_value(place, &kind, inner)?),
            _ => return Err(unknown(place, &kind)),
        }
    }
    Ok(rules)
}

fn of_value(place: &str, kind: &str, options: &DynamicMessage) -> Result<Vec<Rule>, UnknownRule> {
    match kind {
        "string" => of_string(place, options),
        "enum" => of_enum(place, options),
        "duration" => of_duration(place, options),
        "int32" | "int64" | "uint32" | "uint64" | "double" => of_number(place, options),
        _ => Err(unknown(place, kind)),
    }
}

fn of_string(place: &str, options: &DynamicMessage) -> Result<Vec<Rule>, UnknownRule> {
    set(options)
        .map(|(name, value)| match (name.as_str(), &value) {
            ("uuid", Value::Bool(true)) => Ok(Rule::Uuid),
            ("pattern", Value::String(pattern)) if pattern == NAME => Ok(Rule::Name),
            ("pattern", Value::String(pattern)) if pattern == PROJECT => Ok(Rule::Project),
            ("min_bytes", Value::U64(least)) => Ok(Rule::MinBytes(*least)),
            ("max_bytes", Value::U64(most)) => Ok(Rule::MaxBytes(*most)),
            ("min_len", Value::U64(least)) => Ok(Rule::MinChars(*least)),
            ("max_len", Value::U64(most)) => Ok(Rule::MaxChars(*most)),
            _ => Err(unknown(place, &name)),
        })
        .collect()
}

fn of_enum(place: &str, options: &DynamicMessage) -> Result<Vec<Rule>, UnknownRule> {
    set(options)
        .map(|(name, value)| match (name.as_str(), &value) {
            ("defined_only", Value::Bool(true)) => Ok(Rule::Defined),
            ("not_in", Value::List(none)) if none == &[Value::I32(0)] => Ok(Rule::NotZero),
            _ => Err(unknown(place, &name)),
        })
        .collect()
}

fn of_duration(place: &str, options: &DynamicMessage) -> Result<Vec<Rule>, UnknownRule> {
    let (mut from, mut above, mut to) = (None, None, None);
    for (name, value) in set(options) {
        let Value::Message(limit) = &value else {
            return Err(unknown(place, &name));
        };
        let number = |field| {
            let value = limit.get_field_by_name(field);
            value.and_then(|value| value.as_i64().or(value.as_i32().map(i64::from)))
        };
        let seconds = number("seconds").unwrap_or(0).unsigned_abs();
        let nanos = number("nanos").unwrap_or(0).unsigned_abs() as u32;
        let limit = Some(Duration::new(seconds, nanos));
        match name.as_str() {
            "gte" => from = limit,
            "gt" => above = limit,
            "lte" => to = limit,
            _ => return Err(unknown(place, &name)),
        }
    }
    Ok(vec![Rule::Lasts { from, above, to }])
}

fn of_number(place: &str, options: &DynamicMessage) -> Result<Vec<Rule>, UnknownRule> {
    let mut bounds = Bounds::default();
    for (name, value) in set(options) {
        let limit = number(&value).ok_or_else(|| unknown(place, &name))?;
        match name.as_str() {
            "gte" => bounds.at_least = Some(limit),
            "gt" => bounds.above = Some(limit),
            "lte" => bounds.at_most = Some(limit),
            "lt" => bounds.below = Some(limit),
            _ => return Err(unknown(place, &name)),
        }
    }
    Ok(vec![Rule::Number(bounds)])
}

/// A number of any type.
pub(crate) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::I32(number) => Some(f64::from(*number)),
        Value::I64(number) => Some(*number as f64),
        Value::U32(number) => Some(f64::from(*number)),
        Value::U64(number) => Some(*number as f64),
        Value::F64(number) => Some(*number),
        _ => None,
    }
}

/// The fields that are set, with their names.
fn set(message: &DynamicMessage) -> impl Iterator<Item = (String, Value)> {
    message
        .fields()
        .map(|(field, value)| (field.name().to_owned(), value.clone()))
}

fn option(options: &DynamicMessage, name: &str) -> Result<Option<DynamicMessage>, UnknownRule> {
    let pool = options.descriptor().parent_pool().clone();
    let Some(extension) = pool.get_extension_by_name(name) else {
        return Ok(None);
    };
    read_extension(options, &extension)
}

fn read_extension(
    options: &DynamicMessage,
    extension: &ExtensionDescriptor,
) -> Result<Option<DynamicMessage>, UnknownRule> {
    if !options.has_extension(extension) {
        return Ok(None);
    }
    match options.get_extension(extension).into_owned() {
        Value::Message(message) => Ok(Some(message)),
        _ => Err(unknown(extension.full_name(), "its type")),
    }
}

/// The messages that have rules, or hold one that has.
pub(crate) fn that_matter(
    rules: &HashMap<String, MessageRules>,
    pool: &DescriptorPool,
) -> HashSet<String> {
    let mut matter: HashSet<String> = rules
        .iter()
        .filter(|(_, rules)| !rules.is_empty())
        .map(|(name, _)| name.clone())
        .collect();
    loop {
        let before = matter.len();
        for name in rules.keys() {
            let Some(message) = pool.get_message_by_name(name) else {
                continue;
            };
            let holds = message.fields().any(|field| match field.kind() {
                Kind::Message(inner) => matter.contains(inner.full_name()),
                _ => false,
            });
            if holds {
                matter.insert(name.clone());
            }
        }
        if matter.len() == before {
            return matter;
        }
    }
}

fn unknown(place: &str, rule: &str) -> UnknownRule {
    UnknownRule(format!("{place}: the rule {rule} is not known here"))
}
