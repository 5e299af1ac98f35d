/* The operation table. The tests walk it: an operation without a case there
 * fails. */
#include "nn/operation.h"

#define OPERATION(name) &nn_op_##name,
const nn_op *const nn_ops[] = {
#include "nn/operations.def"
    NULL};
