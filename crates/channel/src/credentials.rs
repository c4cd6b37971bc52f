//! Call credentials: metadata that proves to a server for whom a call is made.
//!
//! From the ground up: `request`, what credentials are asked for; `call_credentials`, the trait;
//! `token_file` and `bearer_token`, which implement it; `attach`, which adds them to a call.

mod request;

mod call_credentials;

mod token_file;

mod bearer_token;

mod attach;

pub(crate) use self::attach::CredentialsList;
pub use self::bearer_token::BearerToken;
pub use self::call_credentials::{CallCredentials, WithCallCredentials};
pub use self::request::CredentialsRequest;
