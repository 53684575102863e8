//! Logins over TLS are bound to the server's certificate.

use std::str::FromStr as _;

use gauntlet_postgres_tls::{Authorities, Proof, Tls};
use gauntlet_testkit::postgres::{Authority, Cluster, PlainText};
use tokio_postgres::config::{ChannelBinding, Config, SslMode};

#[tokio::test]
async fn a_login_that_must_be_bound_succeeds() {
    let authority = Authority::new("tests");
    let identity = authority.sign(&["127.0.0.1"]);
    let cluster = Cluster::start_with_tls(&identity, PlainText::Taken);
    let mut config = Config::from_str(&cluster.url()).expect("a URL");
    config
        .ssl_mode(SslMode::Require)
        .channel_binding(ChannelBinding::Require);
    for proof in [
        Proof::Nothing,
        Proof::Host(Authorities::Pem(authority.pem())),
    ] {
        let tls = Tls::new(&proof).expect("an authority");
        assert_eq!(tls.negotiated(), None);
        let (client, connection) = config.connect(tls.clone()).await.expect("a bound login");
        let carrier = tokio::spawn(connection);
        let row = client.query_one(
            "SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
            &[],
        );
        let version: String = row.await.expect("an answer").get(0);
        let negotiated = tls.negotiated().expect("there was a connection");
        assert_eq!(
            (version.as_str(), &*negotiated.version),
            ("TLSv1.3", "TLSv1.3")
        );
        drop(client);
        carrier.await.expect("no panic").expect("an orderly end");
    }
}
