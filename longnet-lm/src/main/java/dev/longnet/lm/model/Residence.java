// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

/// Brings parameters where a process does not hold all of them. A pass says which ones it is at:
/// those of a layer, or those of no layer ([#OUTSIDE]), which it needs from its beginning to its
/// end. Every pass goes through the same calls in the same order, whatever it computes.
public interface Residence {
  /// What belongs to no layer: embeddings, the output.
  int OUTSIDE = -1;

  /// All parameters are always there.
  Residence WHOLE =
      new Residence() {
        @Override
        public boolean enter(int layer) {
          return false;
        }

        @Override
        public boolean leave(int layer) {
          return false;
        }

        @Override
        public void reduce(int layer) {}
      };

  /// Before a pass reads the parameters of a layer.
  ///
  /// @return whether they came just now: what was made of them before is gone
  boolean enter(int layer);

  /// When it has read them.
  ///
  /// @return whether they are gone: what was made of them is of no use
  boolean leave(int layer);

  /// When it has added its gradients of a layer's parameters.
  void reduce(int layer);
}
