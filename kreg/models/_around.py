"""`Around`: what models that train a model inside them share."""

from typing import Any

import keras

from kreg._validation import check_layer


class Around(keras.Model):
    """Base class of models that change the training of the model they hold.

    Args:
        model: Keras model or layer.
        **kwargs: Arguments of `keras.Model`.
    """

    def __init__(self, model: Any, **kwargs: Any):
        super().__init__(**kwargs)
        if isinstance(model, dict):
            model = keras.saving.deserialize_keras_object(model)
        check_layer(model, "model")
        self.model = model
        self.built = bool(model.built)

    def build(self, input_shape: Any) -> None:
        """Builds the model inside."""
        if not self.model.built:
            self.model.build(input_shape)
        self.built = True

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Returns that of the model inside."""
        return self.model.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        model = keras.saving.serialize_keras_object(self.model)
        return {**super().get_config(), "model": model}
