"""The configuration: read, checked, and every mistake named.

What a person types is here: `load`, `look`, `shipped`, `shipped_known`.
"""

from condorloop.config.loader import Config as Config
from condorloop.config.loader import ConfigError as ConfigError
from condorloop.config.loader import load as load
from condorloop.config.loader import look as look
from condorloop.config.loader import shipped_known as shipped_known
from condorloop.config.shipped_files import shipped as shipped
