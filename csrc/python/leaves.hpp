// The leaves of nested containers, listed where these are built exactly as is asked.
#pragma once
#include <Python.h>

namespace fastopt {

// A form is None for a leaf, a tuple of forms for a list or tuple, a dict of forms for a dict.
class Leaves {
  public:
    // Appends to a list. Other containers are left to Python, which can tell what is wrong with them.
    explicit Leaves(PyObject* found) : found_(found) {}

    // Returns false for a container of another form, and after an error.
    bool list(PyObject* form, PyObject* tree) const {
        if (form == Py_None) return PyList_Append(found_, tree) == 0;
        return PyTuple_CheckExact(form) ? of_sequence(form, tree) : of_mapping(form, tree);
    }

  private:
    PyObject* found_;

    bool of_sequence(PyObject* form, PyObject* tree) const {
        const bool is_list = PyList_Check(tree);
        if (!is_list && !PyTuple_Check(tree)) return false;
        // A subclass may iterate over something else than its entries.
        if (Py_TYPE(tree)->tp_iter != (is_list ? PyList_Type : PyTuple_Type).tp_iter) return false;
        const Py_ssize_t count = PyTuple_GET_SIZE(form);
        if (Py_SIZE(tree) != count) return false;
        for (Py_ssize_t i = 0; i < count; ++i) {
            if (Py_SIZE(tree) != count) return false;  // changed by the comparison of a key
            PyObject* const part = is_list ? PyList_GET_ITEM(tree, i) : PyTuple_GET_ITEM(tree, i);
            if (!list_part(PyTuple_GET_ITEM(form, i), part)) return false;
        }
        return true;
    }

    bool of_mapping(PyObject* form, PyObject* tree) const {
        if (!PyDict_CheckExact(tree) && !PyODict_CheckExact(tree)) return false;
        if (PyDict_GET_SIZE(tree) != PyDict_GET_SIZE(form)) return false;
        PyObject *key, *below;
        for (Py_ssize_t at = 0; PyDict_Next(form, &at, &key, &below);) {
            PyObject* const part = PyDict_GetItemWithError(tree, key);
            if (!part || !list_part(below, part)) return false;
        }
        return true;
    }

    // The part is held, as the comparison of keys can run any code.
    bool list_part(PyObject* form, PyObject* part) const {
        Py_INCREF(part);
        const bool alike = list(form, part);
        Py_DECREF(part);
        return alike;
    }
};

}  // namespace fastopt
