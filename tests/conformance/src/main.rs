//! The server under test for the official Connect conformance runner: the front of `gauntlet-connect`, and nothing else.
//!
//! The runner starts it once per configuration, tells it on stdin what to be, reads on stdout where it listens, and
//! kills it. So nothing else may be printed to stdout.

mod info;
mod service;

use std::error::Error;

use gauntlet_connect::{Front, Registry, ServeOptions, Tls, serve};
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use crate::proto::conformance_service_server::ConformanceServiceServer;

mod proto {
    #![allow(missing_docs, dead_code, clippy::all, clippy::pedantic)]
    tonic::include_proto!("connectrpc.conformance.v1");
}

const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let wanted: proto::ServerCompatRequest = receive().await?;
    let credentials = wanted.server_creds.as_ref().filter(|_| wanted.use_tls);
    let client_authorities = Some(wanted.client_tls_cert.as_slice()).filter(|pem| !pem.is_empty());
    let tls = credentials
        .map(|own| Tls::from_pem(&own.cert, &own.key, client_authorities))
        .transpose()?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    send(&proto::ServerCompatResponse {
        host: address.ip().to_string(),
        port: address.port().into(),
        // The runner wants to trust the certificate that it gave us.
        pem_cert: credentials.map_or_else(Vec::new, |credentials| credentials.cert.clone()),
    })
    .await?;

    let limit = match wanted.message_receive_limit {
        0 => 4 * 1024 * 1024,
        limit => limit as usize,
    };
    let service = ConformanceServiceServer::new(service::Service).max_decoding_message_size(limit);
    let front = Front::builder(
        Registry::from_descriptor_sets(&[DESCRIPTORS])?,
        Routes::new(service),
        axum::Router::new(),
    )
    .max_message_bytes(limit)
    // Everything that can be compressed is, so that the runner sees it.
    .compress_from(0)
    .build();
    let options = ServeOptions {
        tls,
        ..ServeOptions::default()
    };
    serve(listener, front, CancellationToken::new(), options).await?;
    Ok(())
}

/// Reads one message with its length before it.
async fn receive<M: Message + Default>() -> Result<M, Box<dyn Error>> {
    let mut stdin = tokio::io::stdin();
    let length = stdin.read_u32().await?;
    let mut bytes = vec![0; length as usize];
    stdin.read_exact(&mut bytes).await?;
    Ok(M::decode(bytes.as_slice())?)
}

async fn send(message: &impl Message) -> Result<(), Box<dyn Error>> {
    let mut stdout = tokio::io::stdout();
    let bytes = message.encode_to_vec();
    stdout.write_u32(u32::try_from(bytes.len())?).await?;
    stdout.write_all(&bytes).await?;
    Ok(stdout.flush().await?)
}
