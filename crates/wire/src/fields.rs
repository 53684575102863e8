//! Reads the fields of a message and collects what is wrong with them.
//!
//! A reader gives the value, or `None` after it has noted a violation; one of
//! an optional field gives `None` for an absent one too. So a decoder reads every
//! field first and puts them together last, and the caller learns all at once.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    time::Duration,
};

use gauntlet_model::{
    id::{BadName, Name, Project},
    template::Violation,
};
use uuid::Uuid;

use crate::Violations;

/// The place in a message that is being read.
pub(crate) struct Fields<'a> {
    found: &'a mut Vec<Violation>,
    path: String,
}

/// Reads a whole message. `broken` is what the rules of its proto found wrong,
/// see [`rules`](crate::rules); `decode` gives `None` only where that or what it
/// noted says why.
pub(crate) fn read<T>(
    broken: Vec<Violation>,
    decode: impl FnOnce(&mut Fields<'_>) -> Option<T>,
) -> Result<T, Violations> {
    let mut noted = Vec::new();
    let mut fields = Fields {
        found: &mut noted,
        path: String::new(),
    };
    let decoded = decode(&mut fields);
    let rules = broken.len();
    let mut found = broken;
    for violation in noted {
        // What a rule says of a field, or of something in or around it, is said once.
        let said = |rule: &Violation| {
            is_within(&rule.field, &violation.field) || is_within(&violation.field, &rule.field)
        };
        if !found[..rules].iter().any(said) {
            found.push(violation);
        }
    }
    match decoded {
        Some(value) if found.is_empty() => Ok(value),
        _ => Err(Violations(found)),
    }
}

/// Whether a path is that of a field or of something in it.
fn is_within(path: &str, field: &str) -> bool {
    path.strip_prefix(field)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

impl Fields<'_> {
    /// Notes that a field is wrong; an empty name means the place itself.
    pub(crate) fn add(&mut self, field: &str, message: impl Into<String>) {
        let path = self.join(&field);
        self.found.push(Violation::new(path, message));
    }

    /// Notes violations that were found elsewhere, below this place.
    pub(crate) fn add_all(&mut self, violations: Vec<Violation>) {
        for violation in violations {
            self.add(&violation.field, violation.message);
        }
    }

    /// The place of a field of this message.
    pub(crate) fn child(&mut self, field: impl fmt::Display) -> Fields<'_> {
        let path = self.join(&field);
        Fields {
            found: self.found,
            path,
        }
    }

    /// Whether nothing was found wrong so far, anywhere in the message.
    pub(crate) fn clean(&self) -> bool {
        self.found.is_empty()
    }

    fn join(&self, field: &impl fmt::Display) -> String {
        let field = field.to_string();
        if self.path.is_empty() || field.is_empty() {
            format!("{}{field}", self.path)
        } else {
            format!("{}.{field}", self.path)
        }
    }

    /// A field that must be there.
    pub(crate) fn required<T>(&mut self, field: &str, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.add(field, "is required");
        }
        value
    }

    /// A DNS label.
    pub(crate) fn name(&mut self, field: &str, text: String) -> Option<Name> {
        self.label(field, text, Name::new)
    }

    /// A DNS label, if it is given.
    pub(crate) fn optional_name(&mut self, field: &str, text: String) -> Option<Name> {
        if text.is_empty() {
            return None;
        }
        self.name(field, text)
    }

    /// A path of DNS labels.
    pub(crate) fn project(&mut self, field: &str, text: String) -> Option<Project> {
        self.label(field, text, Project::new)
    }

    fn label<T>(
        &mut self,
        field: &str,
        text: String,
        parse: impl FnOnce(String) -> Result<T, BadName>,
    ) -> Option<T> {
        if text.is_empty() {
            self.add(field, "is required");
            return None;
        }
        parse(text)
            .map_err(|error| self.add(field, error.to_string()))
            .ok()
    }

    /// The UUID that an id wraps.
    pub(crate) fn uuid(&mut self, field: &str, text: &str) -> Option<Uuid> {
        if text.is_empty() {
            self.add(field, "is required");
            return None;
        }
        Uuid::parse_str(text)
            .map_err(|_| {
                let shown = shortened(text);
                self.add(field, format!("{shown:?} is not a UUID"));
            })
            .ok()
    }

    /// A text of at most `longest` bytes without NUL, which databases refuse.
    pub(crate) fn text(&mut self, field: &str, text: String, longest: usize) -> Option<String> {
        if text.len() > longest {
            self.add(
                field,
                format!("must have at most {longest} bytes, it has {}", text.len()),
            );
            return None;
        }
        if text.contains('\0') {
            self.add(field, "must not hold the character NUL");
            return None;
        }
        Some(text)
    }

    /// Like [`Self::text`], and not empty.
    pub(crate) fn filled(&mut self, field: &str, text: String, longest: usize) -> Option<String> {
        if text.trim().is_empty() {
            self.add(field, "is required");
            return None;
        }
        self.text(field, text, longest)
    }

    /// A duration, or the default when it is absent.
    pub(crate) fn duration(
        &mut self,
        field: &str,
        value: Option<prost_types::Duration>,
        default: Duration,
        longest: Duration,
    ) -> Option<Duration> {
        let Some(value) = value else {
            return Some(default);
        };
        if value.seconds < 0 || value.nanos < 0 {
            self.add(field, "must not be negative");
            return None;
        }
        if value.nanos > 999_999_999 {
            self.add(field, "must have nanos below 1,000,000,000");
            return None;
        }
        let duration = Duration::new(value.seconds.unsigned_abs(), value.nanos.unsigned_abs());
        if duration > longest {
            self.add(field, format!("must be at most {} s", longest.as_secs()));
            return None;
        }
        Some(duration)
    }

    /// A duration above zero, or the default when it is absent.
    pub(crate) fn positive_duration(
        &mut self,
        field: &str,
        value: Option<prost_types::Duration>,
        default: Duration,
        longest: Duration,
    ) -> Option<Duration> {
        let duration = self.duration(field, value, default, longest)?;
        if duration.is_zero() {
            self.add(field, "must be greater than 0");
            return None;
        }
        Some(duration)
    }

    /// A count from 1 to `most`.
    pub(crate) fn count(&mut self, field: &str, value: u32, most: u32) -> Option<u32> {
        if (1..=most).contains(&value) {
            return Some(value);
        }
        self.add(field, format!("must be 1 to {most}, it is {value}"));
        None
    }

    /// A finite number above 0 and up to `most`.
    pub(crate) fn positive(&mut self, field: &str, value: f64, most: f64) -> Option<f64> {
        if value > 0.0 && value <= most {
            return Some(value);
        }
        self.add(
            field,
            format!("must be greater than 0 and at most {most}, it is {value}"),
        );
        None
    }

    /// The value of an enum field whose number 0 means "not said".
    pub(crate) fn choice<P, T>(
        &mut self,
        field: &str,
        number: i32,
        known: impl FnOnce(P) -> Option<T>,
    ) -> Option<T>
    where
        P: TryFrom<i32>,
    {
        let Ok(message) = P::try_from(number) else {
            self.add(field, format!("{number} is not one of its values"));
            return None;
        };
        let value = known(message);
        if value.is_none() {
            self.add(field, "is required");
        }
        value
    }

    /// The value of an enum field, if it is given.
    pub(crate) fn chosen<P, T>(
        &mut self,
        field: &str,
        number: i32,
        known: impl FnOnce(P) -> Option<T>,
    ) -> Option<T>
    where
        P: TryFrom<i32>,
    {
        if number == 0 {
            return None;
        }
        self.choice(field, number, known)
    }

    /// Free key-value pairs.
    pub(crate) fn labels(
        &mut self,
        field: &str,
        labels: HashMap<String, String>,
    ) -> Option<BTreeMap<String, String>> {
        const MOST: usize = 64;
        let before = self.found.len();
        if labels.len() > MOST {
            self.add(
                field,
                format!("must be at most {MOST} pairs, there are {}", labels.len()),
            );
            return None;
        }
        let labels: BTreeMap<String, String> = labels.into_iter().collect();
        for (key, value) in &labels {
            let place = format!("{field}[{:?}]", shortened(key));
            if !(1..=63).contains(&key.chars().count()) || key.contains('\0') {
                self.add(&place, "keys must have 1 to 63 characters");
            }
            if value.chars().count() > 255 || value.contains('\0') {
                self.add(&place, "values must have at most 255 characters");
            }
        }
        (self.found.len() == before).then_some(labels)
    }

    /// What makes a create call repeatable, if it is given.
    pub(crate) fn request_id(&mut self, text: String) -> Option<String> {
        self.text("request_id", text, 128)
            .filter(|text| !text.is_empty())
    }
}

/// The beginning of a text that may be of any length.
pub(crate) fn shortened(text: &str) -> String {
    const SHOWN: usize = 80;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
