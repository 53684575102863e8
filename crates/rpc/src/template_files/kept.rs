//! The files that templates keep.

use gauntlet_model::{
    id::{Name, Project},
    template::{Spec, Violation},
};
use gauntlet_template_file::{self as template_file, Draft};
use gauntlet_wire::{Violations, decode, encode};
use tonic::Status;

use crate::status;

/// What is asked for together with a file.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) project: &'a Project,
    pub(crate) name: &'a Name,
    pub(crate) spec: &'a Spec,
}

/// Refuses a file that is not that of the template.
pub(crate) async fn must_agree(asked: Asked<'_>, source: Option<&str>) -> Result<(), Status> {
    let Some(source) = source else { return Ok(()) };
    let source = source.to_owned();
    let reading = tokio::task::spawn_blocking(move || Draft::read("", &source));
    let read = reading.await.map_err(|error| status::broken(&error))?;
    match disagreement(asked, read) {
        None => Ok(()),
        Some(why) => Err(Violations(vec![Violation::new("source", why)]).into()),
    }
}

/// Why a file is not that of a template.
pub(super) fn disagreement(asked: Asked<'_>, read: Draft) -> Option<String> {
    let faults = read.faults.iter();
    // That the file does not say a name is no fault of a file that has a template.
    let mut faults = faults.filter(|fault| read.spec.is_none() || !fault.field.is_empty());
    if let Some(fault) = faults.next() {
        let at = fault.place.map(|place| format!("{place}: "));
        let field = match fault.field.as_str() {
            "" => String::new(),
            field => format!("{field}: "),
        };
        let (at, message) = (at.unwrap_or_default(), &fault.message);
        return Some(format!("cannot be read: {at}{field}{message}"));
    }
    let own = [
        ("name", read.name.as_deref(), asked.name.as_str()),
        ("project", read.project.as_deref(), asked.project.as_str()),
    ];
    for (key, said, asked) in own {
        if let Some(said) = said.filter(|said| *said != asked) {
            return Some(format!(
                "says {key} {said:?}, the template's is {asked:?}; change it in the text, or leave source out"
            ));
        }
    }
    let read = read.spec?;
    match decode::template_spec(read) {
        Err(wrong) => Some(format!("describes what cannot be: {wrong}")),
        Ok(read) if read == *asked.spec => None,
        Ok(read) => {
            let part = parting(&read, asked.spec);
            Some(format!(
                "{part}; send the spec that ParseTemplate returns for this text, or leave source out"
            ))
        }
    }
}

/// Where a file and a spec part, with all that both leave out.
fn parting(read: &Spec, asked: &Spec) -> String {
    let found = template_file::difference(&encode::spec(read), &encode::spec(asked));
    match found {
        None => "reads to another spec than the one given".to_owned(),
        Some(found) => match found.values {
            None => format!("says another {} than the spec", found.field),
            Some((read, asked)) => {
                format!("says {read} for {}, the spec says {asked}", found.field)
            }
        },
    }
}
