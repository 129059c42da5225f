//! Which server a path belongs to. Pure but for the servers.

use std::sync::Arc;

use super::Handler;
use super::place::RoutePath;

/// The servers of one address, by their paths.
#[derive(Default)]
pub(super) struct Routes {
    all: Vec<Route>,
    last: u64,
}

struct Route {
    number: u64,
    path: RoutePath,
    /// `None` for a while after its server has gone: another one may be about to take its place.
    handler: Option<Arc<dyn Handler>>,
}

/// Who answers at a path.
pub(super) enum Found {
    /// This one.
    Handler(Arc<dyn Handler>),
    /// One that has gone, and may be back in a moment.
    Vacant,
    /// Nobody.
    Nobody,
}

impl Routes {
    /// Has a server answer at a path, in the place of one that has gone. The number is that of this server alone;
    /// `None` if another one is there.
    pub(super) fn add(&mut self, path: RoutePath, handler: Arc<dyn Handler>) -> Option<u64> {
        let is_taken = |route: &Route| route.path == path && route.handler.is_some();
        if self.all.iter().any(is_taken) {
            return None;
        }
        self.all.retain(|route| route.path != path);
        self.last += 1;
        self.all.push(Route {
            number: self.last,
            path,
            handler: Some(handler),
        });
        Some(self.last)
    }

    /// The server of this number has gone, its path is kept.
    pub(super) fn vacate(&mut self, number: u64) {
        let mut all = self.all.iter_mut();
        if let Some(route) = all.find(|route| route.number == number) {
            route.handler = None;
        }
    }

    /// Nor is its path kept any longer.
    pub(super) fn remove(&mut self, number: u64) {
        self.all.retain(|route| route.number != number);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Who answers at a path of a request, percent-decoded: of several the one with the longest path.
    pub(super) fn find(&self, path: &str) -> Found {
        let covering = self.all.iter().filter(|route| route.path.covers(path));
        match covering.max_by_key(|route| route.path.len()) {
            None => Found::Nobody,
            Some(Route { handler: None, .. }) => Found::Vacant,
            Some(Route {
                handler: Some(handler),
                ..
            }) => Found::Handler(Arc::clone(handler)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use futures_util::future::BoxFuture;
    use hyper::Request;
    use hyper::body::Incoming;

    use super::*;
    use crate::http::refusal::Answer;

    struct Nobody;

    impl Handler for Nobody {
        fn answer(&self, _: Request<Incoming>, _: IpAddr) -> BoxFuture<'_, Answer> {
            unreachable!("nobody asks")
        }
    }

    #[test]
    fn the_longest_path_answers_and_one_that_has_gone_is_kept_a_while() {
        let (mut routes, path) = (Routes::default(), |text| RoutePath::parse(text).unwrap());
        let handlers: Vec<Arc<dyn Handler>> = (0..3).map(|_| Arc::new(Nobody) as _).collect();
        let add = |routes: &mut Routes, text, at: usize| {
            routes.add(path(text), Arc::clone(&handlers[at]))
        };
        let found = |routes: &Routes, text: &str| match routes.find(text) {
            Found::Nobody => "nobody".to_owned(),
            Found::Vacant => "vacant".to_owned(),
            Found::Handler(found) => {
                let at = handlers.iter().position(|it| Arc::ptr_eq(it, &found));
                at.unwrap().to_string()
            }
        };
        assert_eq!(add(&mut routes, "/a", 0), Some(1));
        assert_eq!(add(&mut routes, "/a/b", 1), Some(2));
        assert_eq!(add(&mut routes, "/a", 2), None);
        for (path, expected) in [("/a/c", "0"), ("/a/b/c", "1"), ("/", "nobody")] {
            assert_eq!(found(&routes, path), expected, "{path}");
        }
        routes.vacate(2);
        assert_eq!(found(&routes, "/a/b"), "vacant");
        assert_eq!(add(&mut routes, "/a/b", 2), Some(3));
        // Of a former server, that is too late.
        routes.remove(2);
        assert_eq!(found(&routes, "/a/b"), "2");
        routes.remove(3);
        assert_eq!(found(&routes, "/a/b"), "0");
        assert!(!routes.is_empty());
        routes.remove(1);
        assert!(routes.is_empty());
    }
}
