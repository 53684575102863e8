//! Messages of `gauntlet.v1` as canonical protobuf JSON.

use prost::Message;
use prost_reflect::DynamicMessage;

use crate::schema;

/// Why a message has no JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no such message.
    #[error("package gauntlet.v1 has no message {0}")]
    UnknownMessage(String),
    /// The message is not of the type that was named.
    #[error("not a message of type {name}: {reason}")]
    OtherMessage {
        /// The type that was named.
        name: String,
        /// What the decoder says.
        reason: String,
    },
}

/// One line of JSON. `name` is the message's name without its package.
pub fn line(name: &str, message: &impl Message) -> Result<String, Error> {
    write(name, message, serde_json::to_string)
}

/// A document of JSON on several lines. `name` is the message's name without
/// its package.
pub fn document(name: &str, message: &impl Message) -> Result<String, Error> {
    write(name, message, serde_json::to_string_pretty)
}

fn write(
    name: &str,
    message: &impl Message,
    write: impl FnOnce(&DynamicMessage) -> serde_json::Result<String>,
) -> Result<String, Error> {
    let descriptor = schema::message(name).ok_or_else(|| Error::UnknownMessage(name.to_owned()))?;
    let other = |reason: String| Error::OtherMessage {
        name: name.to_owned(),
        reason,
    };
    let bytes = message.encode_to_vec();
    let dynamic = DynamicMessage::decode(descriptor, bytes.as_slice())
        .map_err(|error| other(error.to_string()))?;
    write(&dynamic).map_err(|error| other(error.to_string()))
}

#[cfg(test)]
mod tests {
    use gauntlet_api::v1 as pb;

    use super::*;

    #[test]
    fn json_is_canonical() {
        let run = pb::Run {
            run_id: "a".to_owned(),
            status: pb::RunStatus::Running.into(),
            revision: 7,
            ..Default::default()
        };
        assert_eq!(
            line("Run", &run),
            Ok(r#"{"runId":"a","status":"RUN_STATUS_RUNNING","revision":"7"}"#.to_owned())
        );
        assert_eq!(document("Run", &pb::Run::default()), Ok("{}".to_owned()));
    }

    #[test]
    fn a_wrong_name_is_an_error() {
        assert_eq!(
            line("Nothing", &pb::Run::default()),
            Err(Error::UnknownMessage("Nothing".to_owned()))
        );
    }
}
