//! Name resolution that gives the client public addresses only, so that the address that was checked is
//! the one connected to.

use std::net::SocketAddr;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use hyper_util::client::legacy::connect::dns::Name;
use tower_service::Service;

use super::client::ClientError;

use crate::address::ip_fault;
use crate::error::AddressFault;

/// Why a name gave no address to connect to; found again in the client's error by its type.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refused(pub(crate) AddressFault);

/// The system's resolver, with the addresses taken out that must not be connected to.
#[derive(Debug, Clone, Copy)]
pub(super) struct GuardedResolver {
    pub(super) allow_loopback: bool,
}

impl Service<Name> for GuardedResolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = ClientError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let allow_loopback = self.allow_loopback;
        Box::pin(async move {
            // The client puts the scheme's or the address's port in place of 0.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(usable(found, allow_loopback)?.into_iter())
        })
    }
}

fn usable(found: impl Iterator<Item = SocketAddr>, allow_loopback: bool) -> Result<Vec<SocketAddr>, Refused> {
    let mut refused = None;
    let kept: Vec<SocketAddr> = found
        .filter(|address| match ip_fault(address.ip(), allow_loopback) {
            Some(fault) => {
                refused = Some(Refused(fault));
                false
            }
            None => true,
        })
        .collect();
    match refused {
        Some(refused) if kept.is_empty() => Err(refused),
        _ => Ok(kept),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(addresses: &[&str], allow_loopback: bool) -> Result<usize, AddressFault> {
        let addresses = addresses.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 0));
        usable(addresses, allow_loopback)
            .map(|kept| kept.len())
            .map_err(|refused| refused.0)
    }

    #[test]
    fn only_public_addresses_are_given_to_the_client() {
        assert_eq!(kept(&["8.8.8.8", "10.0.0.1", "2600:9000::1"], false), Ok(2));
        assert_eq!(kept(&["169.254.169.254"], true), Err(AddressFault::LinkLocal));
        assert_eq!(kept(&["127.0.0.1", "::1"], false), Err(AddressFault::Loopback));
        assert_eq!(kept(&["127.0.0.1", "::1"], true), Ok(2));
    }
}
