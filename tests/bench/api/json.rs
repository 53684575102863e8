//! The cheapest client of Connect with JSON: HTTP/1.1 on one connection, one call at a time.

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use crate::error::{Error, Result};

const WHAT: &str = "a Connect call";
/// The flag of an envelope that ends a stream.
const END: u8 = 2;

/// A connection that stays open between calls.
#[derive(Debug)]
pub struct Json {
    stream: BufReader<TcpStream>,
    host: String,
}

impl Json {
    /// `url` is like `http://127.0.0.1:8090`.
    pub async fn connect(url: &str) -> Result<Self> {
        let host = url.trim_start_matches("http://").to_owned();
        let stream = TcpStream::connect(&host).await.map_err(Error::io(WHAT))?;
        stream.set_nodelay(true).map_err(Error::io(WHAT))?;
        Ok(Self {
            stream: BufReader::new(stream),
            host,
        })
    }

    /// A unary call: the answer's body. `method` is like `RunService/GetRun`.
    pub async fn call(&mut self, method: &str, body: &str) -> Result<Vec<u8>> {
        self.send(method, "application/json", body.as_bytes())
            .await?;
        let (status, mut body) = self.answer().await?;
        let mut whole = Vec::new();
        while body.more(&mut self.stream, &mut whole).await? {}
        if status == 200 {
            return Ok(whole);
        }
        Err(Error::Failed(format!(
            "{method} over Connect was answered with {status}: {}",
            String::from_utf8_lossy(&whole)
        )))
    }

    /// A call that is answered by a stream.
    pub async fn watch(mut self, method: &str, body: &str) -> Result<JsonStream> {
        let mut envelope = vec![0];
        envelope.extend((body.len() as u32).to_be_bytes());
        envelope.extend(body.as_bytes());
        self.send(method, "application/connect+json", &envelope)
            .await?;
        let (status, body) = self.answer().await?;
        if status != 200 {
            let refusal = format!("{method} over Connect was answered with {status}");
            return Err(Error::Failed(refusal));
        }
        Ok(JsonStream {
            stream: self.stream,
            body,
            buffer: Vec::new(),
        })
    }

    async fn send(&mut self, method: &str, content: &str, body: &[u8]) -> Result<()> {
        let head = format!(
            "POST /gauntlet.v1.{method} HTTP/1.1\r\nhost: {}\r\ncontent-type: {content}\r\n\
             connect-protocol-version: 1\r\ncontent-length: {}\r\n\r\n",
            self.host,
            body.len()
        );
        let mut bytes = head.into_bytes();
        bytes.extend(body);
        let written = self.stream.get_mut().write_all(&bytes).await;
        written.map_err(Error::io(WHAT))
    }

    /// The status, and how the body comes.
    async fn answer(&mut self) -> Result<(u16, Body)> {
        let first = line(&mut self.stream).await?;
        let status = first.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.ok_or_else(|| Error::Failed(format!("{WHAT} got {first:?}")))?;
        let mut body = Body::Sized(0);
        loop {
            let header = line(&mut self.stream).await?.to_ascii_lowercase();
            match header.split_once(':') {
                Some(("content-length", value)) => {
                    body = Body::Sized(value.trim().parse().unwrap_or(0));
                }
                Some(("transfer-encoding", _)) => body = Body::Chunked,
                Some(_) => {}
                None => return Ok((status, body)),
            }
        }
    }
}

/// How much of a body is still to come.
#[derive(Debug)]
enum Body {
    Sized(usize),
    Chunked,
    Ended,
}

impl Body {
    /// Reads the next piece; false when there is none.
    async fn more(
        &mut self,
        stream: &mut BufReader<TcpStream>,
        into: &mut Vec<u8>,
    ) -> Result<bool> {
        let length = match *self {
            Self::Ended | Self::Sized(0) => return Ok(false),
            Self::Sized(length) => {
                *self = Self::Ended;
                length
            }
            Self::Chunked => {
                let size = line(stream).await?;
                usize::from_str_radix(&size, 16)
                    .map_err(|_| Error::Failed(format!("{WHAT} got a chunk of {size:?} bytes")))?
            }
        };
        let from = into.len();
        into.resize(from + length, 0);
        let read = stream.read_exact(&mut into[from..]).await;
        read.map_err(Error::io(WHAT))?;
        if matches!(self, Self::Chunked) {
            line(stream).await?;
            if length == 0 {
                *self = Self::Ended;
                return Ok(false);
            }
        }
        Ok(true)
    }
}

async fn line(stream: &mut BufReader<TcpStream>) -> Result<String> {
    let mut line = String::new();
    let read = stream.read_line(&mut line).await.map_err(Error::io(WHAT))?;
    if read == 0 {
        return Err(Error::Failed(format!("{WHAT} was cut")));
    }
    Ok(line.trim_end().to_owned())
}

/// The messages of a stream.
#[derive(Debug)]
pub struct JsonStream {
    stream: BufReader<TcpStream>,
    body: Body,
    buffer: Vec<u8>,
}

impl JsonStream {
    /// The next message; `None` after an end that is no error.
    pub async fn next(&mut self) -> Result<Option<Value>> {
        loop {
            if let Some((flags, message)) = self.envelope()? {
                if flags & END == 0 {
                    return Ok(Some(message));
                }
                return match message.get("error") {
                    None => Ok(None),
                    Some(error) => Err(Error::Failed(format!("a Connect stream: {error}"))),
                };
            }
            if !self.body.more(&mut self.stream, &mut self.buffer).await? {
                return Err(Error::Failed("a Connect stream ended early".to_owned()));
            }
        }
    }

    /// The first whole envelope of the buffer.
    fn envelope(&mut self) -> Result<Option<(u8, Value)>> {
        let [flags, a, b, c, d, ..] = self.buffer[..] else {
            return Ok(None);
        };
        let end = 5 + u32::from_be_bytes([a, b, c, d]) as usize;
        if self.buffer.len() < end {
            return Ok(None);
        }
        let message = serde_json::from_slice(&self.buffer[5..end])
            .map_err(|error| Error::Failed(format!("a Connect stream: {error}")))?;
        self.buffer.drain(..end);
        Ok(Some((flags, message)))
    }
}
