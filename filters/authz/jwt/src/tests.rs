mod foreign;
mod strict;

use super::*;
