import tensorflow as tf


class Trainer:
    def __init__(self, policy):
        self.policy = policy
        self.critic = tf.keras.models.load_model("critic.keras")
        self.optimizer = tf.keras.optimizers.Adam()

    def step(self, states, rewards):
        with tf.GradientTape() as tape:
            advantage = rewards - self.critic.predict(states, verbose=0)
            chances = self.policy(states, training=True)
            loss = -tf.reduce_mean(tf.math.log(chances) * advantage)
        gradients = tape.gradient(loss, self.policy.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.policy.trainable_variables))
